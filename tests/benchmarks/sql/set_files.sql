SET VARIABLE files = $1;
