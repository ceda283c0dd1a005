-- object_digests: the digests of the texts that the published objects were made from.
SELECT digest FROM core.object_digests;
