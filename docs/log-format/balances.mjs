// Folds every account's balance from the log (../log-format.md): node balances.mjs nats://127.0.0.1:4222
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
const signs = {
  "banking.AccountOpened": 0n, "banking.MoneyDeposited": 1n, "banking.MoneyWithdrawn": -1n,
  "banking.AccountDebited": -1n, "banking.AccountCredited": 1n, "banking.DebitReturned": 1n,
};
const units = (amount) => BigInt((amount ?? "0").replace(".", "")); // an amount has four decimals
const decimal = (n) => `${n / 10000n}.${String(n % 10000n).padStart(4, "0")}`; // no balance is negative
const nats = await connect({ servers: process.argv[2] ?? "nats://127.0.0.1:4222" });
const manager = await jetstreamManager(nats);
const { config } = await manager.streams.info("ORX_EVENTS_0");
const balances = {}, versions = {};
for (let p = 0; p < Number(config.metadata["orchestrix-partitions"]); p++) {
  const end = (await manager.streams.info(`ORX_EVENTS_${p}`)).state.last_seq;
  if (end === 0) continue;
  const consumer = await jetstream(nats).consumers.get(`ORX_EVENTS_${p}`); // ordered, from the start
  for await (const commit of await consumer.consume()) {
    const [, , , tenant, category, id] = commit.subject.split(".");
    for (const event of category === "account" && commit.headers?.get("Orx-Version") ? commit.json() : []) {
      const key = `${tenant}/${id}`, version = (versions[key] ?? 0) + 1;
      if (event.streamversion !== version) throw new Error(`${key}: ${event.streamversion} follows ${version - 1}`);
      versions[key] = version;
      if (event.type in signs) balances[key] = (balances[key] ?? 0n) + signs[event.type] * units(event.data.amount);
    }
    if (commit.seq >= end) break;
  }
}
for (const key of Object.keys(balances).sort()) console.log(key, decimal(balances[key]));
await nats.close();
