-- AAPL hourly with BTC hourly: different calendars meet on hours counted from midnight, not from the open at 09:30.
-- Made by hand: AAPL's first half hour stands in the hour of 13:00 UTC; its pre-market bar stays out.
FROM aligned_outer(['AAPL', 'X:BTCUSD'], INTERVAL 1 HOUR);
