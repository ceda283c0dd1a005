-- put_object_digest: remember the digest ($digest) of the text that the object $name was made from.
INSERT OR REPLACE INTO core.object_digests (object, digest) VALUES ($name, $digest);
