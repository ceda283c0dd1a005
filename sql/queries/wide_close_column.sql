-- A column of a wide read: the bucket's right edge.
epoch_us(ts_close) AS close_us
