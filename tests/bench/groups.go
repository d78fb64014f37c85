package main

// groups are all rows, in the order of the table.
var groups = []group{
	{name: "new", about: "new orders, sync always, 64 connections", setup: places(syncAlways, standardPartitions, connections, ours, rawPublish, bareHandler, rowHandler),
		comparisons: []comparison{
			{what: "commands/s, new aggregates, sync always", subject: ours, base: bareHandler, metric: rate, atLeast: 0.8},
			{what: "commands/s, new aggregates, sync always", subject: ours, base: rowHandler, metric: rate, atLeast: 1},
			{what: "(a) itself, sync always: what NATS can do", subject: rawPublish, base: rowHandler, metric: rate},
			{what: "(b) itself, sync always", subject: bareHandler, base: rawPublish, metric: rate},
		}},
	{name: "new-relaxed", about: "new orders, sync relaxed, 64 connections", setup: places(syncRelaxed, standardPartitions, connections, ours, rawPublish, bareHandler),
		comparisons: []comparison{
			{what: "commands/s, new aggregates, sync relaxed", subject: ours, base: bareHandler, metric: rate, atLeast: 0.8},
			{what: "(b) itself, sync relaxed", subject: bareHandler, base: rawPublish, metric: rate},
		}},
	{name: "new-256", about: "new orders, sync always, 256 connections, 8 partitions", setup: places(syncAlways, 8, 256, ours, rawPublish, rowHandler),
		comparisons: []comparison{
			{what: "commands/s, new aggregates, 8 partitions, 256 connections", subject: ours, base: rowHandler, metric: rate, atLeast: 1.3},
			{what: "(a) itself, 8 partitions, 256 connections: what NATS can do", subject: rawPublish, base: rowHandler, metric: rate},
		}},
	{name: "cached", about: "shipping orders that are in the cache, sync always", setup: ships(syncAlways),
		comparisons: []comparison{
			{what: "commands/s, aggregates in cache, sync always", subject: ours, base: bareHandler, metric: rate, atLeast: 0.8},
		}},
	{name: "cached-relaxed", about: "shipping orders that are in the cache, sync relaxed", setup: ships(syncRelaxed),
		comparisons: []comparison{
			{what: "commands/s, aggregates in cache, sync relaxed", subject: ours, base: bareHandler, metric: rate, atLeast: 0.8},
		}},
	{name: "rows", about: "adding to aggregates of ten commits, sync always", setup: tallies,
		comparisons: []comparison{
			{what: "commands/s, existing aggregates, sync always", subject: ours, base: rowsHandler, metric: rate, atLeast: 1.5},
		}},
	{name: "half", about: "latency at half of the highest rate, sync always", setup: halfLoad(syncAlways),
		comparisons: []comparison{
			{what: "p99 at half load, sync always", subject: ours, base: bareHandler, metric: p99, atMost: 1.5},
		}},
	{name: "half-relaxed", about: "latency at half of the highest rate, sync relaxed", setup: halfLoad(syncRelaxed),
		comparisons: []comparison{
			{what: "p99 at half load, sync relaxed", subject: ours, base: bareHandler, metric: p99, atMost: 1.5},
		}},
	{name: "partitions", about: "new orders, sync always, 256 connections", setup: partitioned,
		comparisons: []comparison{
			{what: "commands/s, 8 partitions against 1", subject: "8 partitions", base: "1 partitions", metric: rate, atLeast: 1.5},
		}},
	{name: "loads", about: "loading aggregates that are in no cache", setup: loads, comparisons: loadComparisons()},
	{name: "project", about: "projecting order-summary", setup: project,
		comparisons: []comparison{
			{what: "view rows/s projected", subject: ours, base: rawUpserts, metric: rate, atLeast: 0.6},
		}},
	{name: "four", about: "four views of one log", setup: fourViews,
		comparisons: []comparison{
			{what: "commits/s, four views", subject: allViews, base: oneView, metric: rate, atLeast: 0.5},
			{what: "times that four views read the log", subject: allViews, metric: "reads", atMost: 1.1},
		}},
	{name: "rebuild", about: "building a view from a large log", setup: rebuild,
		comparisons: []comparison{
			{what: "events/s, sales-by-country rebuilt", subject: fewDocuments, base: rawConsumer, metric: rate, atLeast: 0.3},
			{what: "events/s, order-summary rebuilt", subject: manyDocuments, base: rawConsumer, metric: rate, atLeast: 0.3},
			{what: "memory, second half against the first", subject: manyDocuments, metric: "growth", atMost: 1.2},
		}},
	{name: "view", about: "one document by its key over HTTP", setup: view,
		comparisons: []comparison{
			{what: "documents/s over HTTP", subject: ours, base: bareSelect, metric: rate, atLeast: 0.8},
		}},
	{name: "fresh", about: "from a command's answer to its view, 500 commands/s, sync always", setup: freshness,
		comparisons: []comparison{
			{what: "answered to readable, p50", subject: ours, metric: "fresh p50", unit: "ms", atMost: 10},
			{what: "answered to readable, p99", subject: ours, metric: "fresh p99", unit: "ms", atMost: 50},
		}},
	{name: "streams", about: "commands on a log of many streams (1,000,000; quick 50,000), sync relaxed", setup: streams,
		comparisons: []comparison{
			{what: "commands/s, many streams in the log", subject: manyStreams, base: fewStreams, metric: rate, atLeast: 0.8},
			{what: "memory of NATS a stream", subject: manyStreams, metric: "bytes a stream", unit: "B"},
		}},
	{name: "memory", about: "memory of idle services and of a full cache", setup: memory,
		comparisons: []comparison{
			{what: "idle command service", subject: "idle", metric: "command", unit: "MiB", atMost: 40},
			{what: "idle projection service", subject: "idle", metric: "projection", unit: "MiB", atMost: 40},
			{what: "idle query service", subject: "idle", metric: "query", unit: "MiB", atMost: 40},
			{what: "a full cache after 3 × as many aggregates", subject: "full cache", metric: "growth", atMost: 1.5},
			{what: "memory of an aggregate in the cache", subject: "full cache", metric: "KiB an aggregate", unit: "KiB"},
		}},
}

func loadComparisons() []comparison {
	name := func(way string, commits string) string { return way + ", " + commits + " commits" }
	return []comparison{
		{what: "cold load, 10 commits, no snapshot", subject: name(byPointers, "10"), base: name(bySubject, "10"), metric: rate, atLeast: 10},
		{what: "cold load, 100 commits, no snapshot", subject: name(byPointers, "100"), base: name(bySubject, "100"), metric: rate, atLeast: 10},
		{what: "cold load, 10 commits, no snapshot", subject: name(byPointers, "10"), base: name(byRows, "10"), metric: rate, atLeast: 0.5},
		{what: "cold load for a command, 10 commits, snapshot", subject: name(forCommand, "10"), base: name(byRows, "10"), metric: rate, atLeast: 1.5},
		{what: "cold load for a command, 100 commits, snapshot", subject: name(forCommand, "100"), base: name(byRows, "100"), metric: rate, atLeast: 6},
		{what: "cold load for a query, 10 commits, snapshot", subject: name(bySnapshot, "10"), base: name(byRows, "10"), metric: rate, atLeast: 1.5},
		{what: "cold load for a query, 100 commits, snapshot", subject: name(bySnapshot, "100"), base: name(byRows, "100"), metric: rate, atLeast: 6},
		{what: "time of a cold load, 10,000 commits, snapshot", subject: name(bySnapshot, "10000"), base: name(bySnapshot, "10"), metric: p50, atMost: 2},
	}
}
