-- When whose bars were last used, as far as it is folded in.
SELECT ticker, year, used_at FROM core.uses
