// Every bound of the agent: sizes, counts and times that limit its memory, files and waiting. Configuration
// defaults are in config/; a protocol's own numbers are next to its code.

// The whole agent
/** Time to send what was read at a stop. SIGTERM allows ten seconds; positions and sockets need the rest. */
export const flushLimitMs = 7_000
/** The same for jobs and clients that a reload removes. A stop during a reload has its own time. */
export const reloadFlushLimitMs = 2_500
/** How often the configuration file is checked: as often as the reload sidecars that this replaces. */
export const configLookEveryMs = 5_000

// discovery/
/** Changes this close together count as one. Far below the second in which a new pod must be read. */
export const targetsSettleMs = 50
/** How long to search for targets of the last run that discovery no longer has. */
export const leftoverTargetsMs = 5_000
/** Changes this close together are written to disk once. */
export const targetMemoryWriteAfterMs = 1_000
/** How long a gone target is remembered: its last lines may be waiting for a server that is down. */
export const goneTargetMsMax = 60 * 60_000
/** Gone targets remembered for each job; the latest ones stay. */
export const goneTargetsMax = 1_000
/** Timeout for the headers of an answer, and between two chunks of its body. */
export const apiAnswerMs = 30_000
/** Body of an API's answer. A page of a list has some 5 MB; only an unpaged list comes near this. */
export const apiBodyBytesMax = 64 * 1024 * 1024
/** Bytes of an error's body that are read for the message. */
export const apiErrorBytesMax = 16 * 1024
/** How often an idle connection to an API is probed. */
export const apiKeepAliveMs = 15_000
/** Longest wait before an API that did not answer is asked again. */
export const pollRetryMsMax = 15_000
/** One event of a watch. The API server stores objects of up to 3 MB, which take more space as JSON. */
export const eventLineBytesMax = 32 * 1024 * 1024
/** Timeout for one DNS server, before the next is asked. */
export const dnsAnswerMs = 5_000
/** A larger file of file_sd_configs is rejected: it cannot be a list of targets. */
export const targetFileBytesMax = 16 * 1024 * 1024
/** Delay between a change and the read, so that a file being written is complete. */
export const targetFileSettleMs = 100
/** Delay between an event and the listing, so that a burst of events needs only one listing. */
export const dockerSettleMs = 50
/** Delay between attempts to subscribe to events, so that a daemon that is down is not flooded. */
export const dockerRetryMs = 2_000
/** A container that ends this soon after its start is still read. */
export const recentContainerMs = 5_000
/** Docker sends nothing while nothing happens, so the connection is reopened after this long. */
export const dockerIdleMs = 3_600_000
/** Short, because a node has few pods and users wait for their first lines. */
export const podSettleMs = 10
/** Long, because a cluster has many objects that change all the time. */
export const clusterSettleMs = 1_000
/** How long a deleted pod stays a target: a kubelet removes its logs up to a minute after the pod. */
export const podLingerMs = 5_000
/** Objects in one page of a list: some 5 MB of pods. */
export const listPageObjectsMax = 250
/** The server ends a watch after a random time between these two. It sends bookmarks about every minute. */
export const watchSecondsMin = 240
/** The upper end of that range. */
export const watchSecondsMax = 480
/** A watch that is still open and silent this long after its end was due is dead. */
export const watchGraceMs = 30_000
/** A watch that lasted this long ended normally. Shorter ones count as consecutive failures. */
export const steadyWatchMs = 10_000
/** Pauses between failed watches. */
export const watchBackoff = { minMs: 250, maxMs: 30_000, attemptsMax: 0 }
/** Consecutive failed watches after which the objects are listed again. */
export const watchFailuresMax = 5
/** Times the list's version may expire between two pages before the list is requested unpaged. */
export const expiredListsMax = 2
/** One answer: 20,000 children with names of 200 bytes. A node has 1 MiB unless the server allows more. */
export const zookeeperFrameBytesMax = 4 * 1024 * 1024
/** For one ZooKeeper entry: 20,000 members take 33 MB; 1 MiB is the server's own limit for a node. */
export const treeLimits = {
  nodeCountMax: 20_000,
  nodeBytesMax: 1024 * 1024,
  treeBytesMax: 16 * 1024 * 1024,
}
/** Nodes read at the same time. */
export const zookeeperReadsMax = 32
/** Unreadable nodes that the log names. */
export const unreadableNodesNamedMax = 3
/** Timeout for opening a session, before the next server is tried. */
export const zookeeperOpenMs = 5_000
/** Timeout for closing a session. */
export const zookeeperCloseMs = 1_000
/** Wait for one address of a host before the next one is tried as well. */
export const zookeeperAddressMs = 500
/** Pauses between attempts. They grow once all servers have been tried. */
export const zookeeperBackoff = { minMs: 250, maxMs: 10_000, attemptsMax: 0 }
/** Changes this close together are reported once. */
export const zookeeperSettleMs = 100
/** Delay before an unreadable node in an open session is retried. */
export const zookeeperNodeRetryMs = 30_000
/** Longest session timeout that may be configured. Servers allow 20 ticks, some 40 s. */
export const zookeeperTimeoutMsMax = 3_600_000

// files/
/** Nesting depth that one `**` follows. Deeper trees are loops of links. */
export const globDepthMax = 40
/** A directory that changed this recently may change again within one tick of its clock. */
export const freshListingMs = 2_000
/** Links that a path is followed through, as many as Linux follows. */
export const linksPerPathMax = 40
/** Bytes at the start of a file that distinguish it from others. */
export const headBytesMax = 1024
/** Bytes read at a time to compare them: as many as `headBytesMax` and `comparedBehindBytesMax`. */
export const lookedBytesMax = 1024
/** Bytes before a position that show whether it belongs to the content. */
export const tailBytesMax = 256

// gaps/
/** Delay before a marker is written, so that losses close together need only one. */
export const gapWaitMs = 1_000
/** Least time between two markers of one stream and reason. What is lost meanwhile is summed up. */
export const gapPeriodMs = 10_000
/** Streams with separate markers in that time. Those beyond share one for each tenant and reason. */
export const gapsOnTheirWayMax = 256
/** Characters of a server's answer in a marker. */
export const gapReasonCharactersMax = 300

// http/
/** Characters of a label on a page: an annotation may be a whole document. The tooltip shows the rest. */
export const shownLabelCharactersMax = 200
/** Targets of a job that /targets shows. The filter finds the others. */
export const shownTargetsMax = 500
/** Targets of a job that /service-discovery shows as read. */
export const shownReadMax = 500
/** Targets of a job that /service-discovery shows as left out; as many as in Promtail. */
export const shownLeftOutMax = 100
/** Length of a profile if the request gives none. */
export const profileSecondsDefault = 30
/** Longest profile. */
export const profileSecondsMax = 300

// line/
/** Changes remembered for each label set: values of high cardinality would fill the memory. */
export const labelTransitionsMax = 1024
/** Joined lines remembered for each file before settled ones are dropped. */
export const spansBeforePrune = 256

// net/
/** How long before its expiry an OAuth token is renewed. */
export const tokenSlackMs = 10_000
/** Lifetime of an OAuth token if its server does not state one. */
export const tokenDefaultMs = 3_600_000
/** Longest wait that a server may ask for, unless the configured backoff is longer. */
export const retryAfterMsMax = 60_000
/** Bytes of a push's answer that are read. */
export const answerBytesMax = 64 * 1024
/** Connections to one server. A tenant has up to four open requests, one while its pushes are rejected. */
export const socketsMax = 32

// pipeline/
/** A longer container line is passed on in pieces of this size, like in Promtail. */
export const containerLineBytesMax = 256 * 1024
/** Streams whose last time is remembered; as many as in Promtail. */
export const lastTimesMax = 10_000
/** Nesting depth of JSON; as deep as Promtail's decoder reads. */
export const jsonNestingMax = 10_000
/** An unfinished line is sent when its parts reach this size, to bound memory. */
export const partialBytesMax = 16 * 1024 * 1024
/** Streams with an unfinished line at the same time; as many as in Promtail. */
export const partialLinesMax = 100
/** Wait for the next part of a CRI line. A program's last words without a line feed have none. */
export const criPartIdleMs = 10_000
/** The same for Docker, which writes all parts of a line at once. */
export const dockerPartIdleMs = 3_000
/** Label values limited separately before the older half is forgotten, like in Promtail. */
export const limitedLabelsMin = 10_000
/** A series of a pipeline's metric disappears after this long without a change. */
export const metricIdleMsDefault = 5 * 60_000
/** Shortest such time that may be configured. */
export const metricIdleMsMin = 1_000
/** Lines in a block, and the wait for its next line, if the configuration sets none. */
export const multilineDefaults = { linesMax: 128, waitMs: 3_000 }
/** A block is sent when it reaches this size, to bound memory. */
export const blockCharactersMax = 16 * 1024 * 1024
/** Streams without an open block whose first line is remembered. */
export const multilineStreamsMax = 10_000

// push/
/** Bytes of a client's batches in memory above which reading stops. */
export const pendingBytesMax = 16 * 1024 * 1024
/** Unused memory kept for the pieces of the next batches. */
export const idlePieceBytesMax = 2 * 1024 * 1024
/** The same for compressed batches. */
export const idleBodyBytesMax = 4 * 1024 * 1024
/** Streams of a client whose place in the queue is remembered. */
export const streamHandlesMax = 50_000
/** Tenants whose empty queue is kept. */
export const idleTenantsMax = 1_000
/** Time to write batches to disk at a stop, once the time for sending is over. */
export const storeLimitMs = 1_500
/** Open requests for each tenant once the server is slower than the files. */
export const shardsMax = 4
/** Return to one request at a time when no batch has filled up for this long. */
export const shardIdleMs = 30_000
/** Closed batches to consider for the next request. */
export const candidatesMax = 64
/** Bytes of closed batches in memory above which further ones go to disk, if there is a disk buffer. */
export const storeAboveBytes = 4 * 1024 * 1024
/** Halvings of a rejected batch: enough for ten bad entries among ten thousand. The rest is dropped whole. */
export const splitsPerBatchMax = 160
/** Smallest batch size that an answer of "too large" leads to. */
export const batchBytesMin = 16 * 1024
/** An unpacked batch. Our own are far smaller, so only a damaged body asks for more. */
export const splitBytesMax = 256 * 1024 * 1024
/** Characters of a dropped line in the log. */
export const sampleCharactersMax = 200
/** Characters of a server's answer in the log. */
export const answerCharactersMax = 1024
/** Redirects that one push follows. */
export const redirectsMax = 10
/** Header of a batch on disk. A longer one is damaged. */
export const storedHeaderBytesMax = 64 * 1024

// sources/
/** Label sets remembered. A source has few, unless rules make one from each line. */
export const sourceLabelSetsMax = 10_000
/** How often a source checks for room, and for lines that stages hold. */
export const sourceTickMs = 100
/** Pauses before a source that could not start is retried. */
export const sourceBackoff = { minMs: 1_000, maxMs: 60_000, attemptsMax: 0 }
/** Connection timeout when -check-syntax tests whether a source could start. */
export const probeLimitMs = 2_000
/** Bytes of a program's error output in the log. Even, so that UTF-16 is not cut within a character. */
export const complaintBytesMax = 2_000
/** The system's buffer for datagrams, for bursts. */
export const receiveBufferBytes = 4 * 1024 * 1024
/** Simultaneous syslog connections. Each may hold one message in memory. */
export const syslogConnectionsMax = 1_024
/** Timeout for the DNS lookup of a client's name, which delays its first message. */
export const clientNameLimitMs = 1_000
/** DNS names of clients that are remembered. */
export const clientNamesMax = 1_000
/** Least time between two reports of data that is not a syslog message. */
export const noMessagePeriodMs = 60_000
/** Bytes of such data in the report. */
export const noMessageBytesShown = 200
/** A connection silent for this long is closed, if the configuration sets no time. */
export const syslogIdleMsDefault = 120_000
/** Longest message if the configuration sets none, like in Promtail. */
export const syslogMessageBytesDefault = 8192
/** Chunks of a message, from the GELF specification. */
export const gelfChunksMax = 128
/** All chunks of a message arrive within this time, from the GELF specification. */
export const gelfChunkLimitMs = 5_000
/** Messages waiting for missing chunks. */
export const gelfOpenMessagesMax = 1_024
/** Bytes of all those chunks. */
export const gelfOpenBytesMax = 16 * 1024 * 1024
/** An unpacked message. */
export const gelfMessageBytesMax = 8 * 1024 * 1024
/** A push as received, as large as the store accepts. */
export const receivedBodyBytesMax = 16 * 1024 * 1024
/** An unpacked push, as large as the store accepts. */
export const receivedUnpackedBytesMax = 64 * 1024 * 1024
/** How long to wait for our own servers: below the 10 s after which a Promtail gives up. */
export const receivedAnswerMs = 8_000
/** Pauses before rejoining Kafka. */
export const kafkaBackoff = { minMs: 500, maxMs: 30_000, attemptsMax: 0 }
/** Time between two commits of offsets. */
export const kafkaCommitPeriodMs = 1_000
/** Time between two checks for new topics, if patterns name them. */
export const kafkaTopicsPeriodMs = 60_000
/** Bytes of one fetch. */
export const kafkaFetchBytesMax = 1024 * 1024
/** How long the broker waits for lines before it answers a fetch. */
export const kafkaFetchWaitMs = 500
/** At a stop, how long to wait for a fetch to end and for leaving the group. */
export const kafkaLeaveMs = 1_000
/** Age of the oldest entry to read at the first start if the configuration sets none, like in Promtail. */
export const journalAgeMsDefault = 7 * 3_600_000
/** An entry of the journal. A longer one does not fit into memory. */
export const journalEntryBytesMax = 64 * 1024 * 1024
/** Pauses before journalctl is restarted. */
export const journalBackoff = { minMs: 500, maxMs: 30_000, attemptsMax: 0 }
/** A longer line of standard input is split. */
export const stdinLineBytesMax = 64 * 1024 * 1024
/** How often the event log is polled if the configuration sets no time. */
export const eventPollMsDefault = 3_000
/** Logs of one job: the event log accepts this many queries in one list. */
export const eventChannelsMax = 256
/** Pauses before the event log is asked again. */
export const eventReaderBackoff = { minMs: 500, maxMs: 30_000, attemptsMax: 0 }
/** Events of one page. After a full page, the next one is read. */
export const eventPageMax = 500
/** An event as text. Records have at most 64 KiB, but several times that with a rendered message. */
export const eventCharactersMax = 1024 * 1024
/** A page is printed within seconds, so a program silent for this long hangs. */
export const eventSilenceMsMax = 60_000
/** Nesting depth of elements. Events have five levels. */
export const xmlDepthMax = 100

// tail/
/** How often an idle file is checked while its directory is watched, for changes that the watch misses. */
export const idlePollMsMax = 5_000
/**
 * The same where the system reports every change: on a local file system, with all directories of the path
 * and its links watched. Events are lost only if the system's queue of them overflows.
 */
export const watchedPollMsMax = 30_000
/** The same once a check has found a change that the watch did not report. */
export const deafPollMsMax = 500
/** For this long after such a change, no watch is trusted to report every change. */
export const distrustMs = 600_000
/** Directories watched only because a link on the way to a file is in them. A node has 110 pods. */
export const linkDirectoriesMax = 1_024
/** Delay between a hint and the check, so that a burst of hints needs only one check. */
export const hintMs = 20
/** A file in which the last check found something is checked no sooner, whatever is hinted. */
export const busyPollMs = 100
/** How often to check a path whose file another path's tailer reads. */
export const aliasPollMs = 2_000
/** How often to check whether the lines of a removed job have been accepted. */
export const settlePollMs = 20
/** A rotated file is released after this long without growth. */
export const rotatedLingerMs = 5_000
/** The same if the path disappeared but the file did not: a removed link. */
export const detachedLingerMs = 1_000
/** Delay before the end of a finished file is sent: a line without a line feed, or parts of one. */
export const unfinishedMs = 1_500
/** How long a file is left to another path's tailer that should read it. */
export const unclaimedMs = 1_000
/** How often to check whether closed files have been deleted. */
export const dropDeletedEveryMs = 1_000
/** A longer line of a file is skipped, so that one file cannot fill the memory. */
export const lineBytesMax = 64 * 1024 * 1024
/** Bytes before the position that are compared before each read. */
export const comparedBehindBytesMax = 1024
/** Simultaneous reads. Each has a buffer. */
export const readSlotsMax = 2
/** Unread bytes of a file that are read without another thread: lines just written are in memory. */
export const waitedBytesMax = 64 * 1024
/** Size of such a buffer. */
export const readBufferBytes = 256 * 1024
/** Rotated files of a path held open: more than a kubelet (5) or most logrotate configurations (7) keep. */
export const heldPerPathMax = 8
/** All rotated files held open: a quarter of 1,024 descriptors, some 2.5 GiB at 10 MiB each. */
export const heldMax = 256
/** A file's birth time comes from the clock's last tick, slightly behind the clock read here. */
export const birthSlackMs = 20
/** Time between two searches for records of deleted files. */
export const recordsCleanPeriodMs = 60_000
/** Time to keep records of a missing directory: a volume may be mounted late, a deleted pod never returns. */
export const awayDirectoryMsMax = 3_600_000
/** Keys in Promtail's positions that are not paths. */
export const cursorsMax = 10_000
/** Delay before positions are saved after a file was found or released, whatever the sync period. */
export const positionsSoonMs = 100
/** Least pause between two writes, unless the sync period is shorter. Logs may rotate all the time. */
export const positionsPauseMs = 1_000
/** Pause between two writes, in durations of the last write: tens of thousands of files take long. */
export const positionsRestFactor = 10
/** Size at which the journal of times is rewritten with only the entries that are still needed. */
export const timesCompactBytes = 4 * 1024 * 1024
/** Chunks of a file whose times are remembered before settled ones are dropped. */
export const chunksBeforePrune = 32
/** A directory that takes longer to list is listed less often. */
export const quickListingMs = 2
/** Such listings take one part in this many of the time. */
export const listingRestFactor = 5
/** Some file systems store times in steps of two seconds. */
export const timeStepMs = 2_500
/** Times to list a directory in which files are being renamed or compressed. */
export const movedLooksMax = 3
/** Unpacked bytes that distinguish compressed files: more than a kubelet writes into one, read in 0.1 s. */
export const comparedBytesMax = 16 * 1024 * 1024
/** Compressed bytes read at a time. */
export const gzipChunkBytes = 64 * 1024
/** Compressed bytes to read for the first kilobyte of content. If that fails, four times as many are read. */
export const gzipHeadBytes = 64 * 1024
/** Pauses before requesting a container's log again. */
export const containerBackoff = { minMs: 250, maxMs: 10_000, attemptsMax: 0 }
/** After this long in silence, a container's log is requested again, because the connection may be dead. */
export const containerIdleMs = 600_000
/** A container that discovery no longer has is released after this long in silence. */
export const containerLingerMs = 1_000
/** Docker splits lines into parts of 16 KiB. A log driver may send more at once, but not this much. */
export const dockerFrameBytesMax = 4 * 1024 * 1024
