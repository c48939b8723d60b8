package main

import (
	"strings"

	"github.com/lst-pipeline/lst-pipeline/sdk"
)

// checkWhole looks for what no trouble may leave in a warehouse: something twice, in
// part, or without its evidence. Nobody may have the file open.
func (s *site) checkWhole() {
	s.t.Helper()
	none := func(what, query string, args ...any) {
		s.t.Helper()
		if rows := s.ask(query, args...); len(rows) > 0 {
			s.t.Errorf("%s: %s", what, strings.Join(rows[:min(len(rows), 5)], "\n"))
		}
	}
	none("runs that look alive", `SELECT run_id FROM ingest_run WHERE status = 'running'`)
	none("ticks that look alive", `SELECT job, plugin, tick FROM ingest_task WHERE state = 'running'`)
	none("a metric twice", `SELECT metric_id, token_id, ts, basis, count(*), list(value), list(reason) FROM fact_metric GROUP BY ALL HAVING count(*) > 1`)
	none("a price twice", `SELECT base_id, quote, venue, basis, ts, size_base, count(*) FROM fact_price GROUP BY ALL HAVING count(*) > 1`)
	none("an exit quote twice", `SELECT token_id, route, size_native, basis, ts, count(*) FROM fact_exit_quote GROUP BY ALL HAVING count(*) > 1`)
	none("an observation without its tick", `SELECT DISTINCT job, plugin, chain_id, tick FROM raw_observation r WHERE NOT EXISTS (
		FROM ingest_task t WHERE t.job = r.job AND t.plugin = r.plugin AND t.chain_id = r.chain_id AND t.tick = r.tick AND t.state IN ('have', 'partial'))`)
	none("a fact without its run", `SELECT DISTINCT run_id FROM fact_metric WHERE run_id NOT IN (SELECT run_id FROM ingest_run)`)
	none("a fact without its observation", `SELECT metric_id, token_id, ts FROM (SELECT *, unnest(obs_ids) AS obs_id FROM fact_metric)
		WHERE obs_id NOT IN (SELECT obs_id FROM raw_observation)`)
	none("a tick without the rate it was read for", `SELECT plugin, tick FROM ingest_task t WHERE state = 'have' AND NOT EXISTS (
		FROM fact_metric f JOIN dim_token d USING (token_id)
		WHERE d.plugin = t.plugin AND f.metric_id = ? AND f.ts = t.anchor_ts AND value IS NOT NULL)
		AND NOT EXISTS (FROM fact_price p WHERE t.plugin = 'chainlink' AND p.venue = 'chainlink' AND p.ts = t.anchor_ts)`, string(sdk.ExchangeRateMetric))
}
