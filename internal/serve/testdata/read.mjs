// Opens latest.duckdb again and again with the npm client of DuckDB, as an
// analyst's notebook would, and asks it. Arguments: the folder that has
// node_modules, the folder of the copies, how often, and the SQL of a comparison, in
// which NEWEST stands for the newest tick of the copy. Each opening prints a line of JSON with what it saw; an error ends the program.
import { createRequire } from 'node:module';
import { readlinkSync } from 'node:fs';
import { join } from 'node:path';

const [tools, dir, times, comparison] = process.argv.slice(2);
const { DuckDBInstance } = createRequire(join(tools, 'index.js'))('@duckdb/node-api');

for (let i = 0; i < Number(times); i++) {
  const instance = await DuckDBInstance.create(join(dir, 'latest.duckdb'), { access_mode: 'READ_ONLY' });
  const connection = await instance.connect();
  const rows = async (sql) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const [state] = await rows(`
    SELECT (SELECT count(*) FROM ingest_task) AS tasks, (SELECT count(*) FROM fact_metric) AS facts,
           (SELECT count(*) FROM raw_observation) AS observations, (SELECT max(tick)::VARCHAR FROM ingest_task) AS newest`);
  const [week] = await rows(`SELECT have, ticks FROM ledger(7, '${state.newest}')`);
  const league = await rows(comparison.replaceAll('NEWEST', state.newest));
  connection.closeSync();
  instance.closeSync();
  console.log(JSON.stringify({ ...state, ...week, league, file: readlinkSync(join(dir, 'latest.duckdb')) }));
}
