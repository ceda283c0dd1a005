-- applied_settings: the configuration's published defaults: key, value as JSON text.
SELECT key, value FROM core.settings ORDER BY key;
