-- A column of a wide read that wants no values, only which rows there are.
NULL AS no_field
