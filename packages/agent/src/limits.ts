// Every bound of the agent: sizes, counts and times that its memory, its files and its patience end at.
// Defaults of the configuration are in config/; numbers of protocols are with their protocol.

// The agent as a whole
/** Sending what was read at a stop: SIGTERM has ten seconds, the rest is for positions and sockets. */
export const flushLimitMs = 7_000
/** The same for jobs and clients that a reload removes; a stop that comes meanwhile has its own time. */
export const reloadFlushLimitMs = 2_500
/** Between two looks at the configuration file: as often as the reload sidecars that it replaces. */
export const configLookEveryMs = 5_000

// discovery/
/** Changes this close together are one; far below the second in which a new pod's first line must be read. */
export const targetsSettleMs = 50
/** Targets of the last run that discovery no longer has are searched for this long. */
export const leftoverTargetsMs = 5_000
/** Changes this close together are written to disk once. */
export const targetMemoryWriteAfterMs = 1_000
/** A target that is gone is remembered this long: its last lines may wait for a server that is away. */
export const goneTargetMsMax = 60 * 60_000
/** Gone targets that are remembered for each job, the latest of them. */
export const goneTargetsMax = 1_000
/** Wait for the headers of an answer, and between two parts of its body. */
export const apiAnswerMs = 30_000
/** Body of an API's answer: pages of lists have some 5 MB, only a list in one piece comes near this. */
export const apiBodyBytesMax = 64 * 1024 * 1024
/** Bytes of an error's body that are read for the message. */
export const apiErrorBytesMax = 16 * 1024
/** An idle connection to an API is probed this often. */
export const apiKeepAliveMs = 15_000
/** Longest wait before an API that did not answer is asked again. */
export const pollRetryMsMax = 15_000
/** One event of a watch: an object has 3 MB at most in the API server's storage, and more when written out. */
export const eventLineBytesMax = 32 * 1024 * 1024
/** Wait for one DNS server before the next one is asked. */
export const dnsAnswerMs = 5_000
/** A larger file of file_sd_configs is refused: it is not a list of targets. */
export const targetFileBytesMax = 16 * 1024 * 1024
/** Between a change and the look, so that a file that is being written is complete. */
export const targetFileSettleMs = 100
/** Between an event and the list, so that a burst of events costs one list. */
export const dockerSettleMs = 50
/** Between two attempts to hear events: a daemon that is away is asked no more often. */
export const dockerRetryMs = 2_000
/** A container that ended this soon after its start is read all the same. */
export const recentContainerMs = 5_000
/** Docker sends nothing while nothing happens; the connection is opened again after this long. */
export const dockerIdleMs = 3_600_000
/** Pods of one node are few, and their first lines are waited for. */
export const podSettleMs = 10
/** The objects of a whole cluster are many and change all the time. */
export const clusterSettleMs = 1_000
/** A deleted pod stays a target this long: a kubelet removes its logs up to a minute after the pod. */
export const podLingerMs = 5_000
/** Objects in a page of a list: some 5 MB of pods. */
export const listPageObjectsMax = 250
/** The server ends a watch after a random time between these; it sends bookmarks about every minute. */
export const watchSecondsMin = 240
/** The upper end of that time. */
export const watchSecondsMax = 480
/** A watch in which nothing came for this long after its end was due is dead. */
export const watchGraceMs = 30_000
/** A watch that held this long ended in the usual way; shorter ones count as failures in a row. */
export const steadyWatchMs = 10_000
/** Pauses between failed watches. */
export const watchBackoff = { minMs: 250, maxMs: 30_000, attemptsMax: 0 }
/** Failed watches in a row after which the objects are listed again. */
export const watchFailuresMax = 5
/** Lists whose version expired between two pages before the list is asked for in one piece. */
export const expiredListsMax = 2
/** An answer: 20,000 children with names of 200 bytes; a node's data has 1 MiB unless the server allows more. */
export const zookeeperFrameBytesMax = 4 * 1024 * 1024
/** Of one entry of ZooKeeper's kinds: 20,000 members take 33 MB; 1 MiB is the server's own limit for a node. */
export const treeLimits = {
  nodeCountMax: 20_000,
  nodeBytesMax: 1024 * 1024,
  treeBytesMax: 16 * 1024 * 1024,
}
/** Nodes that are read at the same time. */
export const zookeeperReadsMax = 32
/** Nodes that cannot be read and are named in the log. */
export const unreadableNodesNamedMax = 3
/** Wait for a server to open a session before the next one is tried. */
export const zookeeperOpenMs = 5_000
/** Wait for the end of a session. */
export const zookeeperCloseMs = 1_000
/** Wait for one address of a host before its next one is tried as well. */
export const zookeeperAddressMs = 500
/** Pauses between attempts; they grow when all servers have been tried. */
export const zookeeperBackoff = { minMs: 250, maxMs: 10_000, attemptsMax: 0 }
/** Changes this close together are reported once. */
export const zookeeperSettleMs = 100
/** Between two attempts to read what cannot be read in an open session. */
export const zookeeperNodeRetryMs = 30_000
/** Longest session timeout that may be configured; servers allow 20 of their ticks, some 40 s. */
export const zookeeperTimeoutMsMax = 3_600_000

// files/
/** Directories below each other that one `**` follows; deeper trees are loops of links. */
export const globDepthMax = 40
/** A directory that changed this recently may change again within one tick of its clock. */
export const freshListingMs = 2_000
/** Bytes at the beginning of a file that tell it from others. */
export const headBytesMax = 1024
/** Bytes before a position that show whether it belongs to the content. */
export const tailBytesMax = 256

// http/
/** Characters of a label on a page: an annotation may be a whole document; the tooltip has the rest. */
export const shownLabelCharactersMax = 200
/** Targets of a job that /targets shows; the filter finds the others. */
export const shownTargetsMax = 500
/** Targets of a job that are read and that /service-discovery shows. */
export const shownReadMax = 500
/** Targets of a job that are left out and that /service-discovery shows, as many as Promtail does. */
export const shownLeftOutMax = 100
/** Length of a profile for which no time is given. */
export const profileSecondsDefault = 30
/** Longest time that one profile takes. */
export const profileSecondsMax = 300

// line/
/** Changes remembered for each label set: values of high cardinality would fill memory. */
export const labelTransitionsMax = 1024
/** Joined lines remembered for each file before settled ones are cleared away. */
export const spansBeforePrune = 256

// net/
/** An OAuth token is renewed this long before it ends. */
export const tokenSlackMs = 10_000
/** Life of an OAuth token whose end its server does not state. */
export const tokenDefaultMs = 3_600_000
/** Longest wait that a server may ask for, unless the configured backoff is longer. */
export const retryAfterMsMax = 60_000
/** Bytes of an answer to a push that are read. */
export const answerBytesMax = 64 * 1024
/** Connections to one server: each tenant has up to four requests under way, one while it is refused. */
export const socketsMax = 32

// pipeline/
/** A longer line of a container is passed on in pieces of this size, as Promtail does. */
export const containerLineBytesMax = 256 * 1024
/** Streams whose last time is remembered, as many as Promtail remembers. */
export const lastTimesMax = 10_000
/** Objects and lists within each other, as many as Promtail's decoder reads. */
export const jsonNestingMax = 10_000
/** An unfinished line is sent when its parts reach this size, so that memory stays bounded. */
export const partialBytesMax = 16 * 1024 * 1024
/** Streams with an unfinished line at the same time, as many as Promtail allows. */
export const partialLinesMax = 100
/** Wait for the next part of a CRI line: a program's last words without a line feed have none. */
export const criPartIdleMs = 10_000
/** The same for Docker, which writes the parts of a line at once. */
export const dockerPartIdleMs = 3_000
/** Label values that are limited separately before the oldest half is forgotten, as Promtail does. */
export const limitedLabelsMin = 10_000
/** A series of a pipeline's metric that does not change for this long disappears. */
export const metricIdleMsDefault = 5 * 60_000
/** Shortest such time that may be configured. */
export const metricIdleMsMin = 1_000
/** Lines of a block, and wait for its next line, where the configuration names none. */
export const multilineDefaults = { linesMax: 128, waitMs: 3_000 }
/** A block is sent when it reaches this size, so that memory stays bounded. */
export const blockCharactersMax = 16 * 1024 * 1024
/** Streams without an open block whose first line is remembered. */
export const multilineStreamsMax = 10_000

// push/
/** Bytes of all batches of a client in memory above which reading stops. */
export const pendingBytesMax = 16 * 1024 * 1024
/** Unused memory that is kept for the next batches. */
export const poolBytesMax = 8 * 1024 * 1024
/** Streams of a client whose place in the queue is remembered. */
export const streamHandlesMax = 50_000
/** Tenants whose queue is kept while it is empty. */
export const idleTenantsMax = 1_000
/** Time to write batches to disk at a stop, after the time for the server is over. */
export const storeLimitMs = 1_500
/** Requests under way for each tenant once a server is slower than the files. */
export const shardsMax = 4
/** Back to one request at a time when no batch was filled for this long. */
export const shardIdleMs = 30_000
/** Closed batches that are looked at for the next request. */
export const candidatesMax = 64
/** Bytes of closed batches in memory above which further ones go to disk, where there is a buffer. */
export const storeAboveBytes = 4 * 1024 * 1024
/** Halvings of a refused batch: enough for ten bad entries among ten thousand; the rest is dropped whole. */
export const splitsPerBatchMax = 160
/** Smallest batch that an answer of "too large" leads to. */
export const batchBytesMin = 16 * 1024
/** A batch unpacked: our own are far smaller, only a damaged body asks for more. */
export const splitBytesMax = 256 * 1024 * 1024
/** Characters of a dropped line in the log. */
export const sampleCharactersMax = 200
/** Characters of a server's answer in the log. */
export const answerCharactersMax = 1024
/** Redirects that one push follows. */
export const redirectsMax = 10
/** Header of a batch on disk: a longer one is damaged. */
export const storedHeaderBytesMax = 64 * 1024

// sources/
/** Label sets remembered: a source has few, unless rules make one of each line. */
export const sourceLabelSetsMax = 10_000
/** Between two looks at whether there is room, and at lines that stages hold. */
export const sourceTickMs = 100
/** Pauses before a source that could not start is tried again. */
export const sourceBackoff = { minMs: 1_000, maxMs: 60_000, attemptsMax: 0 }
/** Wait for a connection when -check-syntax tries whether a source could start. */
export const probeLimitMs = 2_000
/** Bytes of a program's complaint in the log; an even number, so that UTF-16 is not cut in a character. */
export const complaintBytesMax = 2_000
/** Buffer of the system for datagrams, for bursts. */
export const receiveBufferBytes = 4 * 1024 * 1024
/** Connections of syslog at a time; each may hold one message in memory. */
export const syslogConnectionsMax = 1_024
/** Wait for the DNS name of a client, which its first message needs. */
export const clientNameLimitMs = 1_000
/** DNS names of clients that are remembered. */
export const clientNamesMax = 1_000
/** Between two reports of texts that are no messages. */
export const noMessagePeriodMs = 60_000
/** Bytes of such a text in the report. */
export const noMessageBytesShown = 200
/** A connection that is silent for this long is closed, where the configuration names no time. */
export const syslogIdleMsDefault = 120_000
/** Longest message, where the configuration names none, as in Promtail. */
export const syslogMessageBytesDefault = 8192
/** Digits of a frame's length, such as "8192 "; more are no length. */
export const frameCountDigitsMax = 9
/** A message waits this long for further lines of it. */
export const frameQuietMsDefault = 500
/** Chunks of a message, as GELF says. */
export const gelfChunksMax = 128
/** All chunks of a message come within this time, as GELF says. */
export const gelfChunkLimitMs = 5_000
/** Messages of which chunks are missing. */
export const gelfOpenMessagesMax = 1_024
/** Bytes of all those chunks. */
export const gelfOpenBytesMax = 16 * 1024 * 1024
/** A message unpacked. */
export const gelfMessageBytesMax = 8 * 1024 * 1024
/** A push on the wire, as large as the store takes. */
export const receivedBodyBytesMax = 16 * 1024 * 1024
/** A push unpacked, as large as the store takes. */
export const receivedUnpackedBytesMax = 64 * 1024 * 1024
/** Wait for our own servers, below the 10 s after which a Promtail gives up. */
export const receivedAnswerMs = 8_000
/** Pauses before Kafka is joined again. */
export const kafkaBackoff = { minMs: 500, maxMs: 30_000, attemptsMax: 0 }
/** Between two commits of offsets. */
export const kafkaCommitPeriodMs = 1_000
/** Between two looks for new topics, where expressions name them. */
export const kafkaTopicsPeriodMs = 60_000
/** Bytes of one fetch. */
export const kafkaFetchBytesMax = 1024 * 1024
/** Wait of the broker for lines before it answers a fetch. */
export const kafkaFetchWaitMs = 500
/** Wait for the end of a fetch, and for the group to be left, at a stop. */
export const kafkaLeaveMs = 1_000
/** Oldest entry that is read at the first start, where the configuration names none, as in Promtail. */
export const journalAgeMsDefault = 7 * 3_600_000
/** An entry of the journal; a longer one cannot be held in memory. */
export const journalEntryBytesMax = 64 * 1024 * 1024
/** Pauses before journalctl is started again. */
export const journalBackoff = { minMs: 500, maxMs: 30_000, attemptsMax: 0 }
/** A longer line of standard input is cut in two. */
export const stdinLineBytesMax = 64 * 1024 * 1024
/** Between two looks at the event log, where the configuration names no time. */
export const eventPollMsDefault = 3_000
/** Logs of one job: the event log takes this many queries in one list. */
export const eventChannelsMax = 256
/** Pauses before the event log is asked again. */
export const eventReaderBackoff = { minMs: 500, maxMs: 30_000, attemptsMax: 0 }
/** Events of one page; a full page means that another one is asked for. */
export const eventPageMax = 500
/** An event as text: records have 64 KiB at most, several times that with a message in words. */
export const eventCharactersMax = 1024 * 1024
/** A page is printed within seconds; a program that is silent for this long hangs. */
export const eventSilenceMsMax = 60_000
/** Elements within each other; events have five levels. */
export const xmlDepthMax = 100

// tail/
/** An idle file is looked at this seldom while its directory is watched: for changes that the watch misses. */
export const idlePollMsMax = 5_000
/** The same after a change was found that the watch had not reported. */
export const deafPollMsMax = 500
/** Between a hint and the look, so that a burst of hints costs one look. */
export const hintMs = 20
/** Between two looks at a path whose file another path's tailer reads. */
export const aliasPollMs = 2_000
/** Between two looks whether the lines of a removed job are taken. */
export const settlePollMs = 20
/** A rotated file that did not grow for this long is let go. */
export const rotatedLingerMs = 5_000
/** The same where the path was taken away but the file stayed: a link that was removed. */
export const detachedLingerMs = 1_000
/** The end of a finished file, a line without a line feed or parts of one, is sent after this long. */
export const unfinishedMs = 1_500
/** A file that another path's tailer should read is left to it for this long. */
export const unclaimedMs = 1_000
/** Between two looks for closed files that may be deleted by now. */
export const dropDeletedEveryMs = 1_000
/** A longer line of a file is skipped, so that one file cannot fill the memory. */
export const lineBytesMax = 64 * 1024 * 1024
/** Bytes before the position that are compared before each read. */
export const comparedBehindBytesMax = 1024
/** Reads under way at a time; each has a buffer. */
export const readSlotsMax = 2
/** Size of such a buffer. */
export const readBufferBytes = 256 * 1024
/** Rotated files of a path held open: more than a kubelet (5) or most logrotate configurations (7) keep. */
export const heldPerPathMax = 8
/** Rotated files held open in all: a quarter of 1,024 descriptors, some 2.5 GiB at 10 MiB for each. */
export const heldMax = 256
/** A file's birth is told by the clock of the last tick, a little behind the clock that is read here. */
export const birthSlackMs = 20
/** Between two searches for records of files that are gone. */
export const recordsCleanPeriodMs = 60_000
/** Records of a missing directory are kept this long: a volume may be mounted late, a deleted pod never returns. */
export const awayDirectoryMsMax = 3_600_000
/** Keys of Promtail's positions that are no paths. */
export const cursorsMax = 10_000
/** Positions are saved this soon after a file was found or let go, whatever the sync period. */
export const positionsSoonMs = 100
/** Between two writes, this many times the duration of a write: tens of thousands of files take long. */
export const positionsRestFactor = 5
/** Size at which the journal of times is rewritten with what is still needed. */
export const timesCompactBytes = 4 * 1024 * 1024
/** Chunks of a file whose times are remembered before settled ones are cleared away. */
export const chunksBeforePrune = 32
/** A directory that takes longer to list is listed less often. */
export const quickListingMs = 2
/** Such a listing takes one part in this many of the time. */
export const listingRestFactor = 5
/** Some file systems tell times in steps of two seconds. */
export const timeStepMs = 2_500
/** Listings of a directory in which files are being renamed or compressed. */
export const movedLooksMax = 3
/** Unpacked bytes that tell compressed files apart: more than a kubelet writes into one, read in 0.1 s. */
export const comparedBytesMax = 16 * 1024 * 1024
/** Compressed bytes that are read at a time. */
export const gzipChunkBytes = 64 * 1024
/** Compressed bytes that hold the first kilobyte of content; four times as many are read where they do not. */
export const gzipHeadBytes = 64 * 1024
/** Pauses before Docker is asked for a log again. */
export const containerBackoff = { minMs: 250, maxMs: 10_000, attemptsMax: 0 }
/** A container may be silent for this long; then it is asked again, for the connection may be dead. */
export const containerIdleMs = 600_000
/** A container that discovery no longer has is let go when nothing came for this long. */
export const containerLingerMs = 1_000
/** Docker cuts lines into parts of 16 KiB; a log driver may send more at once, but not this much. */
export const dockerFrameBytesMax = 4 * 1024 * 1024
