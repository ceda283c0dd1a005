{{method}}({{universe}}, {{bar_interval}}, anchor := {{anchor}})
