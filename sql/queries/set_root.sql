-- Where the views of a copy with rewritten paths find their files just now, while they are made.
SET VARIABLE mtstore_root = {{root}}
