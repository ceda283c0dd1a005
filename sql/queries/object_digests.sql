-- object_digests: the digests of the texts that the published objects were made from, by object.
SELECT object, digest FROM core.object_digests;
