// Run statements in DuckDB's Node client and print what they give as JSON, in the form of run_statements.py.
import { readFileSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [path] = process.argv.slice(2);
const instance = await DuckDBInstance.create(":memory:");
const connection = await instance.connect();
await connection.run("SET TimeZone = 'Pacific/Auckland'");
await connection.run(`ATTACH '${path}' AS mine (READ_ONLY)`);
await connection.run("USE mine");

function plain(value) {
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  switch (value.constructor.name) {
    case "DuckDBTimestampTZValue":
      return Number(value.micros);
    case "DuckDBTimestampValue":
      return new Date(Number(value.micros) / 1000).toISOString().slice(0, 19);
    case "DuckDBDateValue":
      return new Date(value.days * 86_400_000).toISOString().slice(0, 10);
    case "DuckDBIntervalValue":
      return Number(value.micros) / 1e6 + value.days * 86_400;
    default:
      return String(value);
  }
}

const answers = [];
for (const statement of JSON.parse(readFileSync(0, "utf8"))) {
  try {
    const reader = await connection.runAndReadAll(statement);
    answers.push({ rows: reader.getRows().map((row) => row.map(plain)) });
  } catch (error) {
    answers.push({ error: String(error) });
  }
}
process.stdout.write(JSON.stringify({ version: "node", answers }));
