year
