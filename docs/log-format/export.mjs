// Prints every event of the log as one line of JSON (../log-format.md): node export.mjs nats://127.0.0.1:4222
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
const nats = await connect({ servers: process.argv[2] ?? "nats://127.0.0.1:4222" });
const manager = await jetstreamManager(nats);
const { config } = await manager.streams.info("ORX_EVENTS_0");
for (let p = 0; p < Number(config.metadata["orchestrix-partitions"]); p++) {
  const end = (await manager.streams.info(`ORX_EVENTS_${p}`)).state.last_seq;
  if (end === 0) continue;
  const consumer = await jetstream(nats).consumers.get(`ORX_EVENTS_${p}`); // ordered, from the start
  for await (const commit of await consumer.consume()) {
    const events = commit.headers?.get("Orx-Version") ? commit.json() : []; // without a version, it is no commit
    for (const event of events) console.log(JSON.stringify({ ...event, position: `${p}-${commit.seq}` }));
    if (commit.seq >= end) break;
  }
}
await nats.close();
