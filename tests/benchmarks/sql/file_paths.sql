SELECT path
FROM core.files;
