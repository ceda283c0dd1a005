coalesce(max(CASE WHEN ticker = {{ticker}} THEN {{value}} END), {{fill_value}})::{{type}} AS {{alias}}
