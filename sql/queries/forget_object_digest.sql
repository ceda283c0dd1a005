-- forget_object_digest: the object $name is gone.
DELETE FROM core.object_digests WHERE object = $name;
