max(CASE WHEN ticker = {{ticker}} THEN {{value}} END)::{{type}} AS {{alias}}
