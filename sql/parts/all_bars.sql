core.{{view}}
