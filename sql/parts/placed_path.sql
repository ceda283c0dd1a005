coalesce(getvariable('mtstore_root'), {{prefix}}) || {{rest}}
