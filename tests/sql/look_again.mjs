// Count the bars again and again, by the view and by a macro, each time through a connection of its own, until a line
// comes in; then print the counts as JSON.
import { DuckDBInstance } from "@duckdb/node-api";

const [path] = process.argv.slice(2);
const seen = [];
let isOver = false;
process.stdin.once("data", () => (isOver = true));

async function count(connection, query) {
  return Number((await connection.runAndReadAll(query)).getRows()[0][0]);
}

async function look() {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  await connection.run(`ATTACH '${path}' AS market (READ_ONLY)`);
  await connection.run("USE market");
  await connection.run("BEGIN");
  const bars = await count(connection, "SELECT count(*) FROM bars");
  const buckets = await count(connection, "SELECT count(*) FROM resampled(['A'], '1min', session := 'all')");
  if (bars !== buckets) throw new Error(`${bars} bars, ${buckets} buckets`);
  connection.closeSync();
  instance.closeSync();
  return bars;
}

process.stdout.write("ready\n");
while (!isOver) {
  seen.push(await look());
  await new Promise((resolve) => setTimeout(resolve, 200));
}
process.stdout.write(`${JSON.stringify(seen)}\n`);
process.exit(0);
