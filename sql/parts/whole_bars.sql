SELECT * FROM core.{{view}}
