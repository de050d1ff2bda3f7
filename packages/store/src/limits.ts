// Bounds of the store, grouped by where they apply. What a tenant's configuration sets is in tenant-limits.ts.

// ingest/

/**
 * Rates for tenants that set none. With several tenants, Loki's defaults apply, because they could
 * take each other's share. A single-tenant store has back-pressure and no limit.
 */
export const defaultRates = {
  tenantBytes: 4 * 1024 * 1024,
  tenantBurstBytes: 6 * 1024 * 1024,
  streamBytes: 3 * 1024 * 1024,
  streamBurstBytes: 15 * 1024 * 1024,
} as const

/** A stream without entries for this long is no longer active. */
export const activeStreamMs = 3_600_000

/**
 * Maximum number of streams whose rate is tracked. When a stream drops out, it starts again with a
 * full burst.
 */
export const rateStreamsMax = 100_000

/** A label with this many values in a day is named in the log and the metrics: no panel shows as many. */
export const guiltyValuesLeast = 10_000

/**
 * Values of a label that are counted exactly, and bits of the bitmap that counts more of them: 16 KiB, which
 * tells a million values apart.
 */
export const exactValuesMax = 1024
export const valueBits = 2 ** 17

/** Labels of all tenants whose values are counted, at most 32 MiB. Further labels are not followed. */
export const countedLabelsMax = 2000

/** Tenants whose streams are remembered as counted. Beyond that, they are counted again, which changes nothing. */
export const notedTenantsMax = 10_000

/** Examples of values, and clients that push them, to name with a label. Values are cut to some characters. */
export const guiltyExamplesMax = 3
export const guiltyClientsMax = 5
export const guiltyTextCharsMax = 120

/** Maximum entries that a rejection message lists; it only counts the rest. */
export const toldEntriesMax = 10

/**
 * Maximum number of streams whose validated label texts are kept in memory, some 500 bytes each, and the longest
 * text that is kept.
 */
export const streamCacheEntriesMax = 20_000
export const cachedLabelsTextMax = 16 * 1024

/** The same rejection of a tenant is logged once in this time, with the number of entries. */
export const refusalLogPeriodMs = 10_000

/** Maximum pairs of tenant and reason that the rejection log tracks. Beyond that, it starts over. */
export const refusalsFollowedMax = 10_000

/** Maximum characters of a logged rejection. Labels and values may have any length. */
export const refusalTextCharsMax = 1000

/**
 * How deep to search JSON objects for a level: the outermost object and its direct children, like
 * Loki.
 */
export const levelJsonDepthMax = 2

/**
 * Maximum bytes of pushes that are being received, decoded or waiting for a commit. Beyond that,
 * pushes get 503.
 */
export const pendingPushBytesMax = 64 * 1024 * 1024

/** Minimum that any push counts: the memory of its connection and request. */
export const pushShareBytesLeast = 16 * 1024

/**
 * How much one owner may hold, as a multiple of the free budget. A single address gets half of the
 * budget, a single tenant three quarters. Each new owner gets the same share of what the others
 * leave. So a tenant with one greedy client has room for its other clients, and every tenant gets
 * some.
 */
export const pushHeldPerFree = { tenant: 3, address: 1 } as const

/**
 * Decompressed bodies of pushes that wait for their commit, until their lines are copied. Further bodies stay
 * compressed until then. One body may always be decompressed. Two full commits: the one that is written, and
 * the next one.
 */
export const unpackedPushBytesMax = 16 * 1024 * 1024

/** A commit includes at most this many bytes of lines, so that its file is written in one go. */
export const commitBytesMax = 8 * 1024 * 1024

/** Memory for a full commit, its line separators, and its columns. A larger commit gets a block of its size. */
export const commitArenaBytes = commitBytesMax + 2 * 1024 * 1024

/**
 * What a commit needs at most besides its lines: for a row its separator, its time, and both columns as they are
 * encoded, and for a stream the ends of these.
 */
export const commitRowBytes = 1 + 8 + 8 + 5
export const commitStreamBytes = 32

/** How long a commit may wait for pushes that are still being received. */
export const commitLingerMs = 100

/**
 * A commit waits for a body only if some of it arrived within this time, and at least at this rate.
 */
export const arrivingFreshMs = 20
export const arrivingBytesPerMs = 64

/**
 * Minimum time between two commits unless `commitEagerBytes` are waiting. Limits the number of
 * files in a busy minute.
 */
export const commitSpacingMs = 20
export const commitEagerBytes = 1024 * 1024

// memory/

/**
 * `max_memory` in a container, as a share of its limit, which the system enforces by killing the process. The rest
 * is for what the system counts besides the process: buffers of sockets, pages on their way to the disk.
 */
export const containerMemoryShare = 0.9

/** `max_memory` on a machine without a limit, as a share of its memory. */
export const machineMemoryShare = 0.6

/**
 * What queries and their answers may take of `max_memory`, by the store's count. Ingest at full speed with
 * compaction takes up to 300 MB; the garbage of queries, and what is in no count, about as much as they count.
 */
export const queryMemoryShare = 0.4

/** What queries may take of the heap of the main thread, which V8 limits by the size of the machine. */
export const queryHeapShare = 0.5

/** What pushes, and entries that wait for live tails, may take of `max_memory`, if that is less than their bound. */
export const pushMemoryShare = 1 / 8
export const tailMemoryShare = 1 / 16

/** What the heap of a scan thread may take besides what is counted: code, blocks, garbage. */
export const scanHeapSpareBytes = 128 * 1024 * 1024

/** Most memory for the heap of a thread: what V8 takes by default on a large machine. */
export const threadHeapBytesMax = 4096 * 1024 * 1024

/** Least memory for the heap of the thread of live tails: recent rows, streams, one commit's entries. */
export const tailHeapBytesLeast = 128 * 1024 * 1024

/**
 * How often a result exists while it is handed on: in the scan thread, as a message, in the main thread. And
 * then: result, series or entries, JSON.
 */
export const resultCopies = 3
export const answerCopies = 3

/** Above this share of what queries may take, they wait, and those that grow are ended, newest first. */
export const ledgerSoftShare = 0.8

/** A scan thread counts in pieces of this many bytes. */
export const leaseCountedBytes = 64 * 1024

/** A leaf that needs more than it reserved takes pieces of this size. */
export const leaseGrowthKib = 256

/** One leaf reserves at most this share before it begins. What else it needs, it takes as it grows. */
export const leafShareMax = 1 / 4

/** Leaves that are planned at the same time, or have a plan and wait for their reservation. */
export const planningMax = 16

/** Leaves that wait for memory, and how long: as in Loki, clients ask again after that. */
export const queryQueueMax = 128
export const queryQueueMs = 10_000

/** Resident memory, as a share of `max_memory`, from which queries run one by one, and the newest is ended. */
export const memoryShortShare = 0.7
export const memoryOutShare = 0.85

/** How old a reading of the resident memory may be, and how often it is compared while queries run. */
export const memoryReadMs = 40
export const memoryCheckMs = 50

/** How long the store waits after it ended a query before it ends another: memory is freed late. */
export const memorySettleMs = 250

/** What queries may take by count even if other parts take all of the memory, so that one leaf can run. */
export const memoryAloneBytes = 24 * 1024 * 1024

/** The only leaf that runs is ended if the process grew by this much since it began: more than new threads take. */
export const memoryGrowthBytes = 80 * 1024 * 1024

/** While memory is short, a heap is cleaned, or an idle thread replaced, that may have so much garbage. */
export const garbageBytesLeast = 24 * 1024 * 1024

/** Smaller buffers are left to the garbage collector: to free one costs a third of a microsecond. */
export const releasedBytesLeast = 4 * 1024

/**
 * While the process has more memory than this, V8 collects the garbage of all threads more often. A store with few
 * streams and no queries reaches it at full speed only.
 */
export const residentLargeBytes = 256 * 1024 * 1024

/** Below this, V8 decides by itself again. */
export const residentSmallBytes = 208 * 1024 * 1024

/** How far a heap may then grow above what a collection left, in percent. */
export const heapGrowthPercent = 60

/** The memory of the process is read that often. */
export const heapGrowthReadMs = 250

/** A scan thread that no scan uses, and that does not answer within this time, is replaced while memory is short. */
export const threadAnswerMs = 250

/** What a scan thread takes when it is new: heap, and memory for a group of blocks. */
export const freshThreadBytes = 24 * 1024 * 1024

/** Scans of a leaf that begin again because another query ended the thread they ran in. */
export const threadEndsMax = 3

/** Memory of a stream that was found: its labels, and their text. */
export const streamBytes = 1024

/**
 * Estimates of what a leaf keeps besides its result: its plan for each block, the state of a scan, and what the
 * parsers and lookups of a thread remember.
 */
export const blockPlanBytes = 400
export const leafStateBytes = 256 * 1024
export const parserStateBytes = 2 * 1024 * 1024

/** Series that a leaf with a parser is expected to find, if its limit allows them. */
export const expectedSeriesMax = 2000

// http/

/**
 * Tenants that one query may read. Loki has no such limit; here each tenant's leaves wait for memory, and 16 KB of
 * headers have room for some hundred names.
 */
export const queryTenantsMax = 256

/** How long a whole request may take to arrive: the largest push at 56 KB/s. */
export const requestArrivalMs = 300_000

/**
 * Maximum bytes of a request's head. Grafana sends queries of many kilobytes in URLs, where one byte
 * may become three.
 */
export const requestHeadBytesMax = 256 * 1024

/** Maximum characters of a path parameter, encoded: names of rules may be long, and a character may become twelve. */
export const pathParamCharsMax = 16 * 1024

/** Maximum bytes of bodies other than pushes: forms that contain a query. */
export const formBytesMax = 1024 * 1024

/** Maximum bytes of a push body as received, and after decompression. */
export const pushBodyBytesMax = 16 * 1024 * 1024
export const pushDecompressedBytesMax = 64 * 1024 * 1024

/**
 * Memory reserved for a body before any of it has arrived. Larger bodies get the rest when this is
 * full, so that announcing a length costs nothing. Most pushes of an agent are smaller.
 */
export const bodyMemoryFirstBytes = 256 * 1024

/** Maximum bytes of decompression buffers to keep for later pushes. */
export const pushIdleBufferBytesMax = 8 * 1024 * 1024

/**
 * Maximum number of bodies to decompress at once. Their decompressed size is counted only when they
 * are done.
 */
export const unpackingMax = 2

/**
 * A body makes no progress if fewer bytes than this arrive within `http_server_read_timeout`.
 */
export const bodyProgressBytesLeast = 1024

/**
 * A body may take longer than `http_server_read_timeout` if it arrives at this rate: a megabyte in
 * four minutes.
 */
export const bodyLeastBytesPerSecond = 4 * 1024

/** How long a request's head or body may keep arriving after a stop has begun. */
export const stopGraceMs = 3_000

/**
 * A client that has not taken its answer after this time is cut off, if the answer holds this much of the memory of
 * queries. Loki cuts off every client after 30 seconds.
 */
export const answerTakenMs = 60_000
export const watchedAnswerBytes = 1024 * 1024

/** Different warnings that an export tells at its end. */
export const exportWarningsMax = 20

/** Answers smaller than this are not compressed. They fit into one packet anyway. */
export const gzipBytesLeast = 1400

/** Maximum bytes of a tenant's name, as in Loki. */
export const tenantNameBytesMax = 150

/** Maximum points per series that a client can request, as in Loki. */
export const seriesPointsMax = 11_000n

/** Maximum bytes of a message from a tail client. Clients have no reason to send any. */
export const tailAskBytesMax = 64 * 1024

// catalog/

/**
 * Maximum streams whose ids, and times of their last day, are kept in memory: some 300 bytes each. Beyond
 * that, the cache is emptied. A store with more of them asks the database, some microseconds each.
 */
export const catalogCacheEntriesMax = 50_000

/** Maximum labels, each a name and a value, whose ids are kept in memory: some 200 bytes each. Then it starts over. */
export const catalogPairsCachedMax = 10_000

/** Maximum streams whose labels are kept in memory: about a kilobyte each. */
export const catalogRowsMax = 20_000

/**
 * From this many streams on, one query reads activity by day instead of stream by stream.
 */
export const activityByDayStreamsLeast = 20_000

/** Up to this many streams of a label, a search looks at each of them instead of at all matchers. */
export const fewStreamsMax = 5000

/**
 * Size to which checkpoints truncate the write-ahead log. Otherwise it would stay at its largest
 * size.
 */
export const catalogLogBytesMax = 1024 * 1024

/** Memory for the catalog's pages. Few of them are hot. */
export const catalogPagesKib = 8 * 1024

/**
 * Size of a catalog in bytes up to which a start checks its tables against its indexes. That takes
 * some 10 ms for each MiB.
 */
export const catalogCheckBytesMax = 16 * 1024 * 1024

/** Streams that this check compares at once: some 10 ms. */
export const catalogCheckStreamsAtOnce = 500

/** Streams of segments that it compares at a start, a few seconds of CPU. Beyond, it compares only segments. */
export const catalogCheckStreamsMax = 200_000

/** Footers that a start reads to find out whether a catalog belongs to them. Mostly the first one fits. */
export const foreignSegmentsMax = 8

/** Segments that the check of the catalog reads before it pauses. */
export const catalogCheckSegmentsAtOnce = 4

/** Pause of that check in milliseconds, so that pushes and queries come first. */
export const catalogCheckPauseMs = 20

// objects/

/**
 * Small pieces are collected up to this size before a write, because each write is a trip to the
 * thread pool.
 */
export const diskWriteBytes = 1024 * 1024

/**
 * Maximum files that a reader keeps open. A merge goes through all of its inputs for each stream.
 */
export const openFilesMax = 64

/** Disk space that pushes always leave free, for the catalog and for the start of a merge. */
export const reserveBytes = 16 * 1024 * 1024

/**
 * How often to check the free disk space while pushes arrive. In between, the store counts bytes.
 */
export const roomCheckMs = 250

/**
 * Free space that retention keeps unless the configuration says otherwise: a share of the file system,
 * and at most this many bytes. Beyond that, more free space protects nothing.
 */
export const minFreeShare = 0.05
export const minFreeBytesMax = 20 * 1024 * 1024 * 1024

/** Most free space that a configuration can ask for, as a share of the file system. */
export const minFreeShareMax = 0.5

/**
 * If other files fill the disk, the store's own data may always take this share of the file system.
 * Deleting more would not help for long: the others take what becomes free.
 */
export const fairShare = 0.05

/**
 * On a small or nearly full disk, level 0 is compacted at this share of the file system, and
 * retention keeps the reserve and several times as much free: level 0 grows while its first part is
 * merged, and the merge needs room for what it writes.
 */
export const level0DiskShare = 1 / 16
export const workingRoomPerLevel0 = 4

/**
 * How long a push waits for room on the disk before it is answered with 503. Clients such as
 * Promtail give up after 10 seconds.
 */
export const roomWaitMs = 8_000

// segment/

/**
 * Maximum bytes of lines in a block. Below 256 KB compression suffers; above 1 MB a scan reads more
 * than it needs.
 */
export const blockLineBytesMax = 1024 * 1024

/** Rows of a block whose columns are built in memory that is used again: 768 KiB. Most blocks have fewer. */
export const scratchRowsMax = 64 * 1024

/**
 * Sections smaller than this are not compressed: setting up the compressor costs more than it saves.
 */
export const packedBytesLeast = 256

/**
 * Blocks with fewer bytes of lines are not split into templates and values: the five parts would save
 * less than they cost.
 */
export const splitBytesLeast = 16 * 1024

/** A block is split if that makes it at least 5 % smaller. Splitting costs readers a little CPU. */
export const splitShareMax = 0.95

/** The first bytes of a block that tell how well it compresses without splitting. */
export const splitSampleBytes = 128 * 1024

/** Most bytes of a block that is split: WebAssembly has room for them. */
export const splitBytesMax = 2 * 1024 * 1024

/**
 * Most lines, templates, columns and values of a block that is split, and most bytes of its templates.
 * Lines with more of them have no common form, and compress as well unsplit.
 */
export const splitLinesMax = 2 ** 17
export const splitTemplatesMax = 4096
export const splitColumnsMax = 1024
export const splitValuesMax = 2 ** 19
export const splitTemplateBytesMax = 512 * 1024

/** Maximum bytes of a footer. No real one comes close; a larger one is damaged. */
export const footerBytesMax = 256 * 1024 * 1024

/** Maximum bytes of parsed footers kept in memory, by their size in the file. */
export const footerCacheBytes = 16 * 1024 * 1024

/**
 * A merge keeps footers of its inputs up to this size. Of larger ones, it reads a window of this many bytes at a
 * time, for the labels and for the blocks.
 */
export const heldFooterBytesMax = 128 * 1024
export const footerWindowBytes = 64 * 1024

/** A footer is written in pieces of this many bytes, so that it is not copied whenever it doubles. */
export const footerPieceBytes = 256 * 1024

/**
 * Maximum bytes of a fresh footer that is kept in memory: some 3,500 blocks. Larger ones come from pushes of very
 * many streams, mostly nobody asks about them before they are merged, and reading one takes some milliseconds.
 */
export const freshFooterBytesMax = 2 * 1024 * 1024

/**
 * Of a footer with at least this many bytes, some thousand streams, a query for at most this many streams
 * reads only theirs. Of smaller footers, reading the rest takes about a millisecond.
 */
export const outlinedFooterBytesLeast = 1024 * 1024
export const outlinedStreamsMax = 64

/** Maximum bytes of outlines of large footers kept in memory: two million streams. */
export const outlineCacheBytes = 32 * 1024 * 1024

// bucket/

/**
 * Bytes of a segment's end that its first read brings, and the share of the segment (a 256th) if that is more: the
 * trailer and most footers. Footers of the benchmark's segments are a 600th, those of 10,000 streams more.
 */
export const bucketEndBytes = 64 * 1024
export const bucketEndShare = 256

/**
 * Ranges with at most this many bytes between them are read together: a request takes as long as so many
 * bytes. Ranges of twice the second and more are divided, so that parts of them arrive at the same time.
 */
export const bucketGapBytes = 256 * 1024
export const bucketReadBytes = 8 * 1024 * 1024

/**
 * Reads of the bucket at a time, so that many small ones do not wait for each other, and their bytes in
 * memory, which fill a fast network.
 */
export const bucketReadsMax = 32
export const bucketReadingBytesMax = 64 * 1024 * 1024

/** Bytes that a scan fetches ahead of its threads: as many as may be read at a time. */
export const bucketAheadBytes = bucketReadingBytesMax

/**
 * A replica fetches fresh segments of others if it was asked something within this time, and at most so many at once: half of
 * all reads, so that queries have the other half.
 */
export const freshAskedMs = 600_000
export const freshReadsMax = bucketReadsMax / 2

/** Connections to a bucket. Twice as many as reads, so that uploads do not wait for them. */
export const bucketConnectionsMax = 64

/**
 * How long to wait for a connection to a bucket, and for an answer if nothing is configured: servers far away
 * answer within seconds, and a large upload keeps moving.
 */
export const bucketConnectMs = 5000
export const bucketAnswerMs = 60_000

/** How long a connection to a bucket stays open without requests, if nothing is configured. Loki's value. */
export const bucketIdleMs = 90_000

/** How much of the file system the cache takes at most, and its size if none is configured. */
export const cacheDiskShare = 0.8
export const cacheBytesDefault = 10 * 1024 * 1024 * 1024

/**
 * Files of the cache that are filled at a time. Each is open meanwhile, and systems allow a process some thousand.
 * Twice as many as reads, so that no read waits for a file.
 */
export const cacheFillsMax = 64

/** How often the free space is read while the cache grows. */
export const cacheRoomCheckMs = 1000

/** Longest pause between two tries to upload a segment, or to list the bucket. */
export const bucketRetryMsMax = 60_000

/** How long a store trusts that no other store has taken over its bucket. */
export const writerTrustMs = 10_000

/**
 * How far the numbers of a new machine are above those in the bucket. The lost machine has given out some
 * for commits that were not merged: fewer than 50 a second.
 */
export const sequenceLeap = 1_000_000_000

/**
 * Least and most time between two copies of the catalog, and the bytes a second that they may take between
 * these bounds.
 */
export const catalogCopyMsLeast = 60_000
export const catalogCopyMsMax = 600_000
export const catalogCopyBytesPerSecond = 64 * 1024

/** Copies of the catalog that stay in the bucket: the newest, and one for the case that it is damaged. */
export const catalogCopiesKept = 2

/** Pages of the catalog to copy before pushes and queries get their turn: about a millisecond. */
export const catalogCopyPages = 256

/** How long a store that stops may take for a last copy of its catalog. */
export const lastCopyMs = 10_000

/** Most and least time between two looks for objects to delete. */
export const bucketSweepMsMax = 60_000
export const bucketSweepMsLeast = 1000

// scaled/

/**
 * Bytes of lines that a replica commits without waiting for the interval, and commits that may be under way: an
 * upload takes a tenth of a second, and each commit has separate memory.
 */
export const sharedCommitEagerBytes = 4 * 1024 * 1024
export const sharedCommitsInFlight = 4

/** Bounds of `skald.commit_interval`: an upload takes some 50 ms, and agents wait for their answers. */
export const commitIntervalMsLeast = 50
export const commitIntervalMsMost = 2000

/** Connections of a replica to PostgreSQL: its commits, one for reads, and one for background work. */
export const catalogConnectionsMax = 6

/**
 * How long a connection to PostgreSQL, and one request, may take. A request that is not answered is repeated, so
 * a connection that swallows everything costs only this.
 */
export const catalogConnectMs = 3000
export const catalogRequestMs = 5000

/**
 * How long a connection to PostgreSQL stays open without a request. A new one costs several round trips and a hash of the
 * password, at a moment when there is much to do.
 */
export const catalogIdleMs = 300_000

/** How long queries wait for PostgreSQL once it has not answered. Then they are answered from the copy. */
export const catalogDownRequestMs = 500

/**
 * How long a change is repeated before those who wait for it are told that it failed: longer than a restart of
 * PostgreSQL, and not longer than agents wait for an answer. They push again.
 */
export const catalogChangeMs = 10_000

/** Least and most time between two tries. */
export const catalogRetryMsLeast = 50
export const catalogRetryMsMax = 1000

/**
 * Changes that one request brings. Applying so many takes some fifty milliseconds. Only a replica that starts, or was
 * away, has so many to apply, and it should not wait for many answers.
 */
export const catalogPageChanges = 1000

/** How often a replica brings its copy up to date when nobody asks it anything. */
export const catalogPollMs = 1000

/**
 * How often a replica renews its leases and its merge, and how long these last: longer than a restart of PostgreSQL.
 * What a killed replica was merging waits for so long.
 */
export const leaseRenewMs = 5000
export const leaseMs = 20_000
export const jobMs = 20_000

/**
 * Leases that divide the groups of rules among replicas: many more than replicas, so that shares are equal, and few
 * enough to renew all of them in one statement.
 */
export const ruleLeases = 32

/**
 * How long the groups of a killed replica may be without evaluations: its leases end, others look for them, and take them
 * over. It is no outage for alerts.
 */
export const ruleTakeoverMs = 60_000

/** Bytes of samples that wait in PostgreSQL for one server: two hours of some 10,000 series. */
export const sharedQueueBytesMax = 256 * 1024 * 1024

/** How long samples are kept in PostgreSQL for a server that is not in the configuration any more. */
export const unknownServerMs = 86_400_000

/** Records that are looked at for one request to a server. */
export const sharedQueueRecordsMax = 500

/** Samples of one group that wait in memory while PostgreSQL is away. Those of older evaluations go first. */
export const unstoredSamplesMax = 100_000

/** How often a replica looks for samples that wait for a server, and whether too many wait. */
export const sharedQueuePollMs = 1000
export const sharedQueueBoundMs = 15_000

/** How often to look for objects to delete and for copies to make. */
export const collectMs = 10_000

/** Objects to delete in one look, so that leases are renewed in between. */
export const collectedObjectsMax = 500

/**
 * Least time that an object stays after nothing names it any more: longer than a query runs, and than a replica
 * answers from a copy of the catalog that it cannot bring up to date.
 */
export const removedObjectMsLeast = 600_000

/**
 * When to copy the shared catalog to the bucket: after so many changes, or after some time if there were any. A
 * new replica begins with the copy, and applies a thousand changes in about a second.
 */
export const catalogCopyChanges = 5000
export const sharedCopyMs = 600_000

/** How long changes are kept that a copy has: replicas that were cut off for longer begin with the copy. */
export const changesKeptMs = 3_600_000

/**
 * After this time without a sign of life, what a replica has named can no longer be entered: it takes a new number.
 * Longer than any outage that ends by itself, and shorter than rows of removed segments are kept.
 */
export const replicaFencedMs = 1_800_000

/**
 * How long the row of a removed segment is kept after its object was deleted. Until then, an upload that arrives late
 * changes nothing, and storages refuse requests that were signed more than 15 minutes ago.
 */
export const forgottenMs = 3_600_000

/**
 * How often the bucket is listed for segments that the catalog does not know. A list of 20,000 objects costs 20
 * requests, and nobody waits for what is found.
 */
export const adoptionMs = 600_000

/**
 * Segments and streams that one transaction enters when they were found in the bucket: some 200 KB of JSON, which takes
 * less than a second.
 */
export const adoptedSegmentsAtOnce = 50
export const adoptedStreamsAtOnce = 2000

/** Names that one request compares with the catalog: a megabyte. */
export const namesAtOnce = 20_000

/** How often bringing the catalog in line with the bucket begins again because others changed something meanwhile. */
export const adoptionRoundsMax = 20

/**
 * How long a replica that repairs the catalog keeps others from doing the same, unless it goes on. If it is killed, pushes
 * get 503 for as long.
 */
export const repairLeaseMs = 6000

/** Pause before a repair that failed is tried again, and between looks whether another replica has ended its repair. */
export const repairRetryMs = 500

/**
 * Numbers of processes to leave out after the database has lost changes: more processes than can have started in the
 * time that it lost.
 */
export const lostEpochsMax = 1000

/**
 * Segments of level 0 whose order a replica remembers, should the database forget it: two megabytes, and half an hour of
 * three replicas that are always busy.
 */
export const recentSegmentsMax = 20_000

/** Cancelled delete requests to remember, should the database forget that they were cancelled. */
export const cancelledRequestsMax = 10_000

/** How long a process that ended stays in the list of replicas. */
export const replicaRowMs = 86_400_000

/**
 * Numbers in the names of a replica's segments: above the versions that PostgreSQL gives in all time, and apart
 * for each process. They are enough for three years of ten a second, and for eight million starts.
 */
export const replicaNumbersFrom = 1_000_000_000_000_000
export const replicaNumbers = 1_000_000_000

/** Active streams that are remembered, so that commits do not name them again: about 200 bytes each. */
export const coverEntriesMax = 500_000

/** To which times of streams are rounded outward. */
export const coverRoundingNs = 60_000_000_000n

// compaction/

/** Level 0 is compacted when it reaches this many bytes, this many segments, or this age. */
export const compactLevel0Bytes = 64 * 1024 * 1024
export const compactLevel0Segments = 256
export const compactLevel0AgeMs = 60_000
/** Maximum input of one merge of level 0. */
export const level0PortionBytes = 2 * compactLevel0Bytes

/**
 * Segments that one merge reads. For each, it keeps up to 128 KiB of footer, and looks at it for every stream.
 * A busy store has some hundred when a merge begins; only a backlog has more.
 */
export const mergeInputsMax = 1024

/**
 * Share of these bounds that merges begin with where a replica may be killed at any time: 64 segments. Each
 * merge that ends doubles it, so what a killed merge costs is never more than what was finished before it.
 */
export const mergeShareLeast = 1 / 16

/**
 * Choices in a row that another replica may be faster to begin, before this one waits for its next look: as many
 * as several replicas need to come apart.
 */
export const takenInRowMax = 4

/** How often to check the age of level 0. */
export const compactCheckIntervalMs = 5_000

/** How long to wait after a failed merge. */
export const compactFailureDelayMs = 30_000

/** This many neighbouring segments of one day are merged. */
export const compactTierSegments = 8
/**
 * Segments of this size are not merged further, and no merge produces larger ones (except for its
 * last input).
 */
export const compactTierBytesMax = 512 * 1024 * 1024

// segment/filter/ and segment/counts/

/**
 * Most rows of a block's filter: 98 KiB of bits while it is built. Lines of a megabyte set up to
 * 120,000 of them. 3 * 2^18, because filters of all sizes are made from it.
 */
export const filterRowsMax = 3 * 2 ** 18

/** Fewest rows of a block's filter: as many as a word of its bits has. */
export const filterRowsLeast = 32

/**
 * Most rows of a filter that may be set, as a share. Fewer mean larger filters, more mean that
 * searches read blocks in vain. Measured in docs/decisions/store/text-filters.md.
 */
export const filterFillMax = 0.45

/**
 * Filters are written together once they have this many bits, 1 MiB: enough blocks for a search to
 * read few places, and little memory while they are collected.
 */
export const filterGroupBits = 8 * 1024 * 1024

/**
 * Groups of filters are written one after the other, up to this many bytes: eight groups, as many as one read of a
 * bucket brings. A merge holds them until then.
 */
export const filterRunBytes = 9 * 1024 * 1024

/**
 * Most space for the counts of a block, as a share of its compressed lines. Cells get longer until they fit:
 * a stream with a line a minute needs no counts by minute, it is read quickly anyway.
 */
export const countsShareMax = 0.01

/** Space that the counts of a block may always take: as much as its record in the footer. */
export const countsBytesLeast = 64

/**
 * Most levels and names of metadata of a block that has counts. Programs use about ten levels; more are
 * other values that someone pushes as `detected_level`. OpenTelemetry sends some twenty names.
 */
export const countedLevelsMax = 32
export const countedNamesMax = 128

/** Counts are read in groups of this many bytes: what one read brings, for some hundred blocks. */
export const countGroupBytes = 32 * 1024

/** A thread adds up the counts of at least this many blocks: some 20 ms of work. */
export const countedBlocksLeast = 8192

/** A query looks at the footers of this many segments, and then asks their filters together. */
export const footersAtOnce = 64

/** A search asks the filters of at least this many segments in one thread. */
export const filteredSegmentsLeast = 16

/** Of a long text, a search asks for this many keys: more would leave out hardly any more blocks. */
export const textKeysMax = 64

/** A search for more keys than this reads all blocks: it would hardly leave one out. */
export const filterKeysMax = 4096

/** Blocks with at most this many bytes of lines are not worth a call of WebAssembly. */
export const filterSmallBytes = 16 * 1024

/** Blocks with at least this many bytes of lines are copied without unpacking them. */
export const keptBlockBytesLeast = 256 * 1024

/**
 * Overlapping rows with more bytes than this are not merged. Queries can handle them; memory could
 * not.
 */
export const mergeOverlapBytesMax = 64 * 1024 * 1024

/** Memory for a merge: two blocks of lines to read, two to build, and their small columns. */
export const mergeArenaBytes = 5 * 1024 * 1024

/** How often retention looks for old segments: a small part of a day. */
export const retentionIntervalMs = 10 * 60_000

/**
 * How often retention by size looks at the sizes of all days: while the disk has room, and while
 * there is nothing that it may delete.
 */
export const spaceIntervalMs = 60_000
export const spaceRetryMs = 5_000

/** How often the log says when the disk will be full. */
export const outlookLogMs = 86_400_000

/** Complete days from which growth is measured. */
export const growthDaysMax = 7

/**
 * Least time of data for a growth per day, if there is no complete day yet: an hour. The first minutes
 * of a store say nothing about its days.
 */
export const growthMsLeast = 3_600_000

/** Streams that retention and delete sweeps check before they yield to pushes and queries. */
export const retentionStreamsAtOnce = 2000
export const sweepStreamsAtOnce = 500

/** Maximum attempts to read a day whose segments keep changing. After that, it stays as it is. */
export const dayReadAttemptsMax = 3

// deletes/

/** Maximum pending delete requests of a tenant. Each of the tenant's queries has to check them. */
export const deleteRequestsMax = 1000

/** Maximum bytes of a delete request's query. All pending ones are kept in memory. */
export const deleteQueryBytesMax = 16 * 1024

/** How long processed delete requests stay listed. */
export const processedDeletesKeptMs = 30 * 86_400_000

// scan/

/** Leaves of one query that run at the same time for its tenants. Each already uses all scan threads. */
export const tenantLeavesAtOnce = 4

/** Blocks with gap markers that a leaf reads for its warning: at most 64 MB of lines. */
export const gapBlocksMax = 64

/** Gap markers that the warning of a leaf sums up. Of more, it says "at least". */
export const gapMarksMax = 100

/**
 * Bytes of lines that one message asks a scan worker to read. Small enough to stop a query quickly.
 */
export const scanTaskBytes = 8 * 1024 * 1024

/**
 * Maximum rows of overlapping blocks in which a volume looks for duplicates. More would take
 * seconds, and compaction removes the duplicates anyway.
 */
export const volumeOverlapRowsMax = 500_000

/** How often a query looks again after it found a segment that was just replaced. */
export const scanReplansMax = 3

/**
 * Damaged blocks of a segment that a query leaves out one by one. Each costs another scan, so beyond
 * these the whole segment is left out.
 */
export const damagedBlocksMax = 8

/** Damaged segments that the warnings of an answer name. An answer should stay readable. */
export const damageWarningsMax = 20

/**
 * Segments with damaged filters that are remembered, so that the log names each once: some 40 KB.
 */
export const damagedSegmentsKnownMax = 1000

/** Scan threads. With more, scans would wait for memory bandwidth rather than for each other. */
export const scanThreadsMax = 8

// tail/

/** Longest delay a tail client may request so that late entries can be sorted in. Loki's value. */
export const tailDelaySecondsMax = 5

/** Entries in one message to a tail client (Loki's value), and its bytes without the last entry. */
export const tailFrameEntriesMax = 100
export const tailFrameBytesMax = 256 * 1024

/** When this many bytes are in the socket of a tail client, further entries wait in its queue. */
export const tailSocketBytesMax = 256 * 1024

/**
 * Bytes that may wait for one tail client and for all together. Each may always have the minimum.
 */
export const tailQueueBytesMax = 16 * 1024 * 1024
export const tailQueuesBytesMax = 64 * 1024 * 1024
export const tailQueueBytesLeast = 64 * 1024

/**
 * Dropped entries that can still be reported to a slow tail client (Loki's value). After that it is
 * disconnected.
 */
export const tailDroppedMax = 1000

/** How often tail clients are pinged, and how long one may be silent before it is disconnected. */
export const tailPingMs = 5_000
export const tailSilenceMs = 60_000

/**
 * How long the entries of a tail's history are remembered, so that a repeated batch is not shown
 * again.
 */
export const tailHistoryKnownMs = 600_000

/** Commits that may wait for the tail thread. Later ones are reported as dropped. */
export const tailBacklogCommitsMax = 256

/**
 * Bytes of one answer of the tail thread, and how many answers it may be ahead of the main thread.
 */
export const tailAnswerBytes = 1024 * 1024
export const tailAnswersMax = 8

/** The tail thread sends what it has when a commit's entries exceed this many bytes. */
export const tailFoundBytesMax = 4 * 1024 * 1024

/** Rows and streams that the tail thread remembers. */
export const tailRecentRowsMax = 50_000
export const tailStreamsKnownMax = 20_000

/**
 * How long after its start a store keeps commits for the tails that the last process left open:
 * Grafana is back after 5 seconds, loki-canary after 10 to 20. Beyond this many commits, or bytes
 * of their segments, they start as new tails.
 */
export const tailResumeMs = 60_000
export const tailResumeCommitsMax = 4096
export const tailResumeBytesMax = 256 * 1024 * 1024

/**
 * Commits before an interruption whose entries are remembered, so that a repeated batch is shown
 * once.
 */
export const tailResumeKnownCommits = 64

/** Distinct queries of open tails that are recorded for the next process. */
export const tailRecordKeysMax = 1000

/** Clients to serve before other work gets its turn: about a millisecond. */
export const tailReceiversAtOnce = 50

/** A client that does not answer a close within this time is disconnected. */
export const tailCloseGraceMs = 2_000

/** Sent entries of a client to keep in front of the waiting ones. */
export const tailSentKeptMax = 1000

/** Bytes of a reason in a close frame: the maximum of RFC 6455. */
export const tailReasonBytesMax = 123

// upkeep/

/** Faults of the catalog's file to list. One of them is reason enough to rebuild it. */
export const verifyFaultsMax = 10

/** Memory for a piece of a file that is copied. Larger pieces are not copied faster. */
export const copyPieceBytes = 1024 * 1024

/**
 * Segments that a backup keeps open while it copies, so that a store may delete them. Below what
 * systems allow a process by default (1024).
 */
export const pinnedFilesMax = 512

/**
 * How often a backup takes the list of segments before it gives up. Each time only what is new is
 * left to copy.
 */
export const backupRoundsMax = 100

/** How long one request of a tool to PostgreSQL may take: it enters a hundred thousand names at once. */
export const upkeepRequestMs = 120_000

/** How long after its last sign of life a replica counts as running: it gives one every five seconds. */
export const replicaLivesMs = 30_000

/** Segments that a tool uploads at a time. */
export const movedSegmentsAtOnce = 4

/** Samples that a move enters with one statement: about a megabyte. */
export const movedSamplesAtOnce = 10_000

/** End of a segment that is compared to tell it from another store's: its footer, or most of it. */
export const comparedEndBytes = 64 * 1024

// tls/

/** How often the files of the certificate are looked at. Kubernetes renews a mounted Secret within a minute or two. */
export const certificateCheckMs = 10_000

/** How long a client may take to agree on TLS. It costs a socket and some memory meanwhile. */
export const tlsHandshakeMs = 10_000

/**
 * A certificate that ends sooner than this is warned of: 14 days. Those that renew themselves do so earlier, cert-manager's
 * 30 days before the end.
 */
export const certificateSoonMs = 14 * 86_400_000

// rules/

/** Shortest interval between two evaluations of a group, in milliseconds: shorter ones are mistakes. */
export const rulerIntervalMsLeast = 100

/** Queries that one template may run. Each needs a run of the template. */
export const templateQueriesMax = 10

/** Groups of one tenant that are kept, and the longest name of a group or namespace, in characters. */
export const ruleGroupsMax = 10_000
export const ruleNameCharsMax = 1024

/** Rules that are evaluated at the same time, of all groups. Others wait. */
export const ruleQueriesAtOnceMax = 16

/** Alerts of one rule, and series that one rule records. More are a mistake of the rule. */
export const ruleSamplesMax = 10_000

/** How long an alert that has ended is sent on, in milliseconds, as in Prometheus. */
export const resolvedMs = 15 * 60_000

/** Shortest pause between two lookups of Alertmanagers, and how long one may take. */
export const discoveryMsLeast = 1000
export const lookupMs = 5000

/** Alertmanagers of one SRV record that get alerts. */
export const discoveredServersMax = 100

/** Alerts in one request to an Alertmanager, as in Prometheus. */
export const alertsAtOnceMax = 64

/** Pauses after failed notifications, in milliseconds: the first, doubled up to the longest. */
export const notifyPauseMsLeast = 500
export const notifyPauseMsMost = 30_000

/** Longest pause that a server may ask for with Retry-After, in milliseconds. */
export const retryAfterMsMost = 600_000

/** How long AWS may take to answer a request for the credentials of a role, in milliseconds. */
export const awsAnswerMs = 10_000

/** How long before their end credentials are asked for again, in milliseconds. */
export const awsCredentialsAheadMs = 300_000

/** Results of leaves that rules with the same time share, and how long they are kept, in milliseconds. */
export const sharedLeavesMax = 256
export const sharedLeafMs = 5_000

/** Bytes of samples that wait on the disk for one server, and of one file of them. 512 MiB is two hours of 70,000 series. */
export const writeQueueBytesMax = 512 * 1024 * 1024
export const writeQueueFileBytes = 8 * 1024 * 1024

/** Characters of an answer that are logged. */
export const answerCharsMax = 200

/** Scan threads that only rules use, so that no dashboard holds them up. */
export const ruleThreads = 1

/** Words about alerts that a webhook has taken and that are remembered, so that none is sent twice. */
export const webhookWordsMax = 20_000

/** How long a group that stops waits for answers of webhooks, so that nobody tells them the same again. */
export const hookWaitMs = 3000

/** Moments of an interval at which groups are evaluated. Fewer share more scans, and come in larger crowds. */
export const rulePhases = 20
// ingest/push-notes.ts

/** Tenants of which the status remembers who pushed. Those that were quiet for longest are forgotten first. */
export const notedWritersMax = 1000

/** Clients of a tenant that the status lists. More than anybody reads. */
export const notedClientsMax = 100

/** Characters of a user agent that the status keeps. Longer ones repeat themselves. */
export const notedTextCharsMax = 200

/** Span over which pushes are added up for the rate of ingest. */
export const notedSlotMs = 10_000

/** Spans that are kept: a quarter of an hour. */
export const notedSlots = 90

// http/page-routes.ts

/** Size of the file with the page. The page itself may take 250 KB; this only keeps a wrong file out of memory. */
export const pagePackBytesMax = 16 * 1024 * 1024

// auth/

/** Users, tokens, and tenants of one of them. A file with more is not written by people. */
export const authListMax = 1000

/** Bytes of an htpasswd file; a line takes about 80. */
export const htpasswdBytesMax = 1024 * 1024

/** How often the files of users and tokens are looked at. */
export const authCheckMs = 2000

/**
 * Longest user name, password and token, in characters. A JSON Web Token with many groups is the longest of them;
 * heads of requests end at 64 KiB.
 */
export const credentialsCharsMax = 16 * 1024

/** Body of a sign-in, which everybody may send: a user and a password, or a token, as JSON. */
export const signInBytesMax = 64 * 1024

/** Cost of bcrypt: below it a hash is guessed too fast, above it a sign-in takes seconds in JavaScript. */
export const bcryptCost = { least: 4, most: 14 } as const

/** Memory of one scrypt hash: N = 2^16 with r = 8, which is four times what OWASP asks for. */
export const scryptBytesMax = 64 * 1024 * 1024

/** Passwords that are checked at once, and those that wait. Each takes about 0.1 s of a core. */
export const passwordChecksMax = 2
export const passwordQueueMax = 100

/** Checked passwords and tokens that are remembered, at about 200 bytes each, and for how long. */
export const checkedPasswordsMax = 10_000
export const checkedPasswordMs = 600_000

/** How long the thread that checks bcrypt stays without work. */
export const bcryptThreadIdleMs = 30_000

/** Failed tries of an address before it has to wait, and how long each further try takes. */
export const failedTriesBurst = 10
export const failedTryMs = 1000

/** Addresses with failed tries that are remembered; the oldest are forgotten. */
export const failedAddressesMax = 10_000

/** Sessions of the page, and how long one lasts at most and without a request. */
export const sessionsMax = 10_000
export const sessionMs = 12 * 3_600_000
export const sessionIdleMs = 3_600_000

/** How long the keys of an OpenID issuer are used before they are fetched again. */
export const issuerKeysMs = 600_000

/** Least pause between two fetches of keys, whatever tokens ask for. */
export const issuerPauseMs = 10_000

/** How long a fetch of keys may take, and how large its answer may be. */
export const issuerTimeoutMs = 5000
export const issuerBytesMax = 1024 * 1024

/** How far clocks of an issuer and of this machine may differ. */
export const issuerClockSeconds = 60

/** Lines of the audit that wait for the store. They are in the log in any case. */
export const auditQueueMax = 1000

/** Characters of a query, path or name in a line of the audit. */
export const auditCharsMax = 2000
// receivers/

/** Documents of other protocols: bytes of one, its fields, how deep they are, and characters of a path to one. */
export const documentBytesMax = 4 * 1024 * 1024
export const documentFieldsMax = 10_000
export const documentNestingMax = 50
export const fieldNameCharsMax = 1024

/** Fields that a request may name. */
export const chosenFieldsMax = 100

/** Longest value of a field that becomes a label by default: a longer one is no name, and Loki's limit is 2048. */
export const defaultLabelCharsMax = 1024

/** What an entry takes besides its texts, until it is in columns. */
export const receivedEntryBytes = 200

/** Ids of documents without a time that are remembered with the time they got: at most some 10 MB. */
export const knownIdsMax = 50_000

/** Maximum characters of a document's id, as in Elasticsearch. */
export const documentIdBytesMax = 512

/** Maximum bytes of the name of an index, as in Elasticsearch. */
export const indexNameBytesMax = 255

/**
 * Entries of one request that is stored as a whole. Each takes some 500 bytes besides its text until it is in columns, and a
 * body of 64 MiB can have 32 million lines.
 */
export const requestEntriesMax = 200_000

/** A body that is stored while it arrives: a piece of it is stored at this size, or at this age. */
export const streamPieceBytes = 1024 * 1024
export const streamPieceMs = 1_000

/** Mistakes that an answer names with their place. It counts the rest. */
export const toldMistakesMax = 10

/** Acknowledgements that one request may ask for. */
export const acknowledgedIdsMax = 100_000

/** Maximum bytes of the name of a journal's field: systemd's own limit. */
export const journalFieldNameBytesMax = 64

/** Values of a journal's fields that are longer are left out, except the message: core dumps and the like. */
export const journalValueCharsMax = 4096

/** Longest message of syslog that a configuration may allow: Loki's limit of lines is 256 KB. */
export const syslogMessageBytesMax = 1024 * 1024

/** Simultaneous syslog connections of a listener. Each may hold one message in memory. */
export const syslogConnectionsMax = 1024

/** The system's buffer for datagrams, for bursts. */
export const syslogReceiveBufferBytes = 4 * 1024 * 1024

/** Least time between two reports of dropped messages. */
export const syslogReportMs = 60_000

/** Entries of a listener that wait to be stored, and how long they are collected. */
export const sinkBytesMax = 4 * 1024 * 1024
export const sinkWaitMs = 100

/** Attempts to store received entries, and the pause between two: half a minute together. */
export const sinkAttemptsMax = 30
export const sinkPauseMs = 1_000

/** OTLP over gRPC: connections, calls of one of them at a time, and how long a call may pause. */
export const grpcConnectionsMax = 1024
export const grpcStreamsMax = 100
export const grpcStreamMs = 30_000

/** How long a connection of OTLP over gRPC may be silent. Clients open a new one with their next call. */
export const grpcIdleMs = 600_000

/** Characters of a message in the status of a gRPC call. All headers together may take 8 KB in some clients. */
export const grpcMessageCharsMax = 1000

/** Characters of a text between Splunk's events that are looked at: it is only refused. */
export const strayTextCharsMax = 100
