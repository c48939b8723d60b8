-- Constants and scalar formulas. Each formula of the warehouse that two views
-- need stands here once, and is tested against exact rationals in Go
-- (sql/reference_test.go).

-- Seconds in the year of every annual figure: 365 days, on the wall clock.
CREATE OR REPLACE MACRO year_s() AS 31536000.0;

-- Prices are carried at most this long.
CREATE OR REPLACE MACRO price_stale_s() AS 172800;

-- No level or setting is carried longer than this, whatever its token says. It
-- bounds how far back a question about a moment has to read.
CREATE OR REPLACE MACRO max_carry() AS INTERVAL 45 DAY;

-- The smallest relative move of a rate that counts as an update. Deposits and
-- withdrawals round in favour of the pool by some 1e-16 each; without this floor
-- they would look like updates and shift windows away from the real ones.
CREATE OR REPLACE MACRO rate_dust() AS 1e-9;

-- Is a yield of growth over secs near the window that was asked for?
CREATE OR REPLACE MACRO covers(secs, window_s, expected_s) AS
    abs(secs - window_s) <= greatest(2 * expected_s, 0.25 * window_s);

-- An annual figure needs three updates inside its window, or, where updates were
-- read more rarely than they happened, the time of three.
CREATE OR REPLACE MACRO long_enough(updates, secs, expected_s) AS
    updates >= 3 OR secs >= 3 * expected_s;

-- Which basis wins where two speak about nearly the same moment; lower is better.
CREATE OR REPLACE MACRO basis_rank(b) AS
    CASE b WHEN 'onchain' THEN 1 WHEN 'derived' THEN 2 WHEN 'published' THEN 3
           WHEN 'api' THEN 4 WHEN 'manual' THEN 5 ELSE 6 END;

-- The mark a figure carries in tables.
CREATE OR REPLACE MACRO basis_mark(b) AS
    CASE b WHEN 'onchain' THEN '◆' WHEN 'derived' THEN '◇' WHEN 'published' THEN '△'
           WHEN 'api' THEN '△' WHEN 'manual' THEN '✎' END;

CREATE OR REPLACE MACRO worse_basis(a, b) AS
    CASE WHEN a IS NULL OR b IS NULL THEN coalesce(a, b)
         WHEN basis_rank(a) >= basis_rank(b) THEN a ELSE b END;

-- Did a rate change? Only if it moved by more than both uncertainties together
-- (a rounded series makes no false steps) and by more than rounding dust.
CREATE OR REPLACE MACRO rate_moved(r0, u0, r1, u1) AS
    abs(r1 - r0) > u0 + u1 + greatest(abs(r0), abs(r1)) * rate_dust();

-- Annual rate of a growth factor over secs seconds. conv: 'apr' (simple),
-- 'apy' (compound) or 'log' (continuous). NULL when there is no time or no growth factor.
CREATE OR REPLACE MACRO annualise(growth, secs, conv) AS
    CASE WHEN secs <= 0 OR growth <= 0 THEN NULL
         WHEN conv = 'apr' THEN (growth - 1) * year_s() / secs
         WHEN conv = 'apy' THEN pow(growth, year_s() / secs) - 1
         WHEN conv = 'log' THEN ln(growth) * year_s() / secs END;

-- Growth factor of a yearly rate in force for secs seconds, without compounding.
CREATE OR REPLACE MACRO accrued(rate_apr, secs) AS 1 + rate_apr * secs / year_s();

-- Seconds from a to b, negative when b is earlier.
CREATE OR REPLACE MACRO seconds_between(a, b) AS epoch(b) - epoch(a);

-- Net yield over the chain's own: the figure that compares across chains.
CREATE OR REPLACE MACRO capture_of(net, bench) AS
    CASE WHEN bench > 0 THEN net / bench END;

-- Market price over fair value, minus 1. Negative is a discount.
CREATE OR REPLACE MACRO premium_of(price, fair) AS
    CASE WHEN fair > 0 THEN price / fair - 1 END;

-- Share of the gross reward that was taken. NULL when there was no gross reward.
CREATE OR REPLACE MACRO take_rate_of(net, fee) AS
    CASE WHEN net + fee > 0 THEN fee / (net + fee) END;

-- Net deposits of an interval in native units, free of rewards and price.
CREATE OR REPLACE MACRO flow_of(s0, s1, fee_shares, r1) AS (s1 - s0 - fee_shares) * r1;

-- The four legs of a change of s·r·p; they sum to s1·r1·p1 − s0·r0·p0 exactly.
CREATE OR REPLACE MACRO leg_deposits(s0, s1, fee_shares, r1, p1) AS (s1 - s0 - fee_shares) * r1 * p1;
CREATE OR REPLACE MACRO leg_fees(fee_shares, r1, p1) AS fee_shares * r1 * p1;
CREATE OR REPLACE MACRO leg_rewards(s0, r0, r1, p1) AS s0 * (r1 - r0) * p1;
CREATE OR REPLACE MACRO leg_price(s0, r0, p0, p1) AS s0 * r0 * (p1 - p0);

-- Loss against redemption value when selling, in basis points.
CREATE OR REPLACE MACRO haircut_bps_of(size, got) AS
    CASE WHEN size > 0 THEN 1e4 * (1 - got / size) END;

-- What waiting costs in basis points: the yield not earned in the queue.
CREATE OR REPLACE MACRO forgone_bps_of(rate_apr, wait_days) AS
    CASE WHEN wait_days = 0 THEN 0.0 ELSE 1e4 * rate_apr * wait_days / 365 END;

-- One member's part of the Herfindahl-Hirschman index, 0 to 10,000.
CREATE OR REPLACE MACRO hhi_part(share_of) AS pow(100 * share_of, 2);
