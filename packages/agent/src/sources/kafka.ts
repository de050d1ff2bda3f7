// kafka: reads topics as a member of a consumer group. Commits an offset once servers have accepted the
// lines before it.

import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ConnectionOptions as TlsConnectionOptions } from 'node:tls'
import type { Consumer, ConsumerOptions, Message, MessagesStream } from '@platformatic/kafka'
import {
  readAnything,
  readBoolean,
  readLabels,
  readOneOf,
  readText,
  readTexts,
  type ValueReader,
  type YamlCursor,
} from '@skald/config-reading'
import { tlsFields } from '../config-reading/http-client.ts'
import {
  kafkaBackoff,
  kafkaCommitPeriodMs,
  kafkaFetchBytesMax,
  kafkaFetchWaitMs,
  kafkaLeaveMs,
  kafkaTopicsPeriodMs,
} from '../limits.ts'
import { backoffMs } from '../net/backoff.ts'
import type { Flow } from './inlet.ts'
import { PendingPlaces } from './pending-places.ts'
import { probeConnect } from './probe.ts'
import type { Source, SourceConfig, SourceContext } from './source.ts'

type Sasl = NonNullable<ConsumerOptions<Buffer, Buffer, Buffer, Buffer>['sasl']>

interface KafkaConfig {
  readonly brokers: readonly string[]
  /** Names, and patterns that start with `^`. */
  readonly topics: readonly string[]
  readonly groupId: string
  readonly labels: ReadonlyMap<string, string>
  readonly usesIncomingTime: boolean
  readonly tls: TlsConnectionOptions | undefined
  readonly sasl: Sasl | undefined
}

type RawTls = { readonly [K in keyof typeof tlsFields]?: ReturnType<(typeof tlsFields)[K]> }

/**
 * Reads the TLS settings. Certificates are read only once: brokers connected to later get the same ones.
 */
function tlsOf(cursor: YamlCursor, raw: RawTls): TlsConnectionOptions | undefined {
  const textOf = (text: string | undefined, file: string | undefined) =>
    file ? readFileSync(file, 'utf8') : text
  try {
    const ca = textOf(raw.ca, raw.ca_file)
    const cert = textOf(raw.cert, raw.cert_file)
    const key = textOf(raw.key, raw.key_file)
    return {
      ...{ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
      ...(raw.server_name && { servername: raw.server_name }),
      rejectUnauthorized: !raw.insecure_skip_verify,
    }
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} cannot be used: ${(error as Error).message}`)
  }
}

const readTls: ValueReader<TlsConnectionOptions> = cursor => tlsOf(cursor, cursor.record(tlsFields))

const readSasl: ValueReader<{
  readonly sasl: Sasl
  readonly tls: TlsConnectionOptions | undefined
}> = cursor => {
  // The TLS keys are mixed with the others, like in Promtail.
  const raw = cursor.record({
    mechanism: readOneOf(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const),
    user: readText,
    password: readText,
    use_tls: readBoolean,
    ...tlsFields,
  })
  const sasl: Sasl = {
    mechanism: raw.mechanism ?? 'PLAIN',
    username: raw.user ?? '',
    password: raw.password ?? '',
  }
  return { sasl, tls: raw.use_tls ? tlsOf(cursor, raw) : undefined }
}

const readAuthentication: ValueReader<Pick<KafkaConfig, 'tls' | 'sasl'>> = cursor => {
  const raw = cursor.record({
    type: readOneOf(['none', 'ssl', 'sasl'] as const),
    tls_config: readTls,
    sasl_config: readSasl,
  })
  switch (raw.type ?? 'none') {
    case 'none':
      return { tls: undefined, sasl: undefined }
    case 'ssl':
      return { tls: raw.tls_config ?? {}, sasl: undefined }
    case 'sasl':
      return raw.sasl_config ?? cursor.failAtKey('authentication of type sasl needs a sasl_config')
  }
}

const readTopics: ValueReader<string[]> = cursor => {
  const topics = readTexts(cursor) ?? []
  for (const topic of topics) {
    if (!topic.startsWith('^')) continue
    try {
      new RegExp(topic)
    } catch (error) {
      return cursor.failAtKey(
        `${cursor.name} ${topic} does not compile: ${(error as Error).message}`,
      )
    }
  }
  return topics
}

/** Reads the body of kafka. */
export const readKafkaSource: ValueReader<SourceConfig> = cursor => {
  const raw = cursor.record({
    brokers: readTexts,
    topics: readTopics,
    group_id: readText,
    // The members and brokers of the group decide this among themselves.
    assignor: readOneOf(['range', 'sticky', 'roundrobin'] as const),
    version: readAnything,
    authentication: readAuthentication,
    labels: readLabels,
    use_incoming_timestamp: readBoolean,
  })
  const { brokers = [], topics = [] } = raw
  if (brokers.length === 0) return cursor.failAtKey('kafka needs brokers such as [kafka:9092]')
  if (topics.length === 0) return cursor.failAtKey('kafka needs topics such as [logs, "^app-.*"]')
  const config: KafkaConfig = {
    ...{ brokers, topics, groupId: raw.group_id || 'promtail', labels: raw.labels ?? new Map() },
    usesIncomingTime: raw.use_incoming_timestamp ?? false,
    ...{ tls: raw.authentication?.tls, sasl: raw.authentication?.sasl },
  }
  const start = async (context: SourceContext) => new KafkaSource(config, context)
  const probe = () => probeConnect(brokers)
  return { isPerClient: true, start, probe }
}

/** Lines of one partition that no server has accepted yet. */
interface PartitionState {
  readonly topic: string
  readonly partition: number
  readonly flow: Flow
  /** First offset of this run. */
  readonly firstOffset: bigint
  /** The offset after each line. */
  readonly pending: PendingPlaces<bigint>
  committed: bigint
}

class KafkaSource implements Source {
  readonly #config: KafkaConfig
  readonly #context: SourceContext
  readonly #groupId: string
  readonly #stopping = new AbortController()
  readonly #done: Promise<void>
  readonly #partitions = new Map<string, PartitionState>()
  #consumer: Consumer<Buffer, Buffer, Buffer, Buffer> | undefined
  #stream: MessagesStream<Buffer, Buffer, Buffer, Buffer> | undefined
  #attempt = 0
  #problem: string | undefined

  constructor(config: KafkaConfig, context: SourceContext) {
    this.#config = config
    this.#context = context
    // Clients in the same group would split its messages between them.
    this.#groupId = context.lane === '' ? config.groupId : `${config.groupId}-${context.lane}`
    this.#done = this.#run()
  }

  get isReady(): boolean {
    return this.#stream !== undefined
  }

  get place(): string {
    return `kafka ${this.#config.brokers.join(', ')}`
  }

  get problem(): string | undefined {
    return this.#problem
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      let problem: string | undefined
      try {
        await this.#consume()
      } catch (error) {
        problem = describe(error)
      }
      if (signal.aborted) return
      await this.#leave()
      if (problem === undefined) continue
      this.#problem = `Kafka cannot be read: ${problem}`
      const waitMs = backoffMs(kafkaBackoff, this.#attempt++, { random: Math.random })
      const fields = { error: problem, waitMs: Math.round(waitMs) }
      this.#context.logger.warn(fields, 'Kafka cannot be read, will try again')
      await sleep(waitMs, undefined, { signal }).catch(() => undefined)
    }
  }

  /** Reads until the stream ends or fails, or the topics change. */
  async #consume(): Promise<void> {
    // Loaded on demand, because it is large.
    const { Admin, Consumer: KafkaConsumer } = await import('@platformatic/kafka')
    const { brokers, tls, sasl } = this.#config
    const connection = {
      ...{ clientId: 'skald-agent', bootstrapBrokers: [...brokers], retries: 0 },
      ...(tls && { tls, tlsServerName: tls.servername ?? hasNames(brokers) }),
      ...(sasl && { sasl }),
    }
    const admin = new Admin(connection)
    const { signal } = this.#stopping
    let timer: NodeJS.Timeout | undefined
    let commitTimer: NodeJS.Timeout | undefined
    try {
      const topics = await this.#findTopics(() => admin.listTopics())
      if (topics.length === 0) throw new Error('no topic matches')
      const consumer = new KafkaConsumer({
        ...{ ...connection, groupId: this.#groupId, autocommit: false },
        ...{ maxBytes: kafkaFetchBytesMax, maxWaitTime: kafkaFetchWaitMs },
      })
      this.#consumer = consumer
      const stream = await consumer.consume({ topics, mode: 'committed', fallbackMode: 'earliest' })
      this.#stream = stream
      this.#attempt = 0
      this.#context.logger.info({ topics, group: this.#groupId }, 'Kafka is read')
      consumer.on('consumer:group:rebalance', () => this.#partitions.clear())
      commitTimer = setInterval(() => void this.#commit(), kafkaCommitPeriodMs)
      timer = this.#watchTopics(topics, () => admin.listTopics(), stream)
      for await (const message of stream) {
        await this.#context.inlet.room()
        if (signal.aborted) break
        this.#take(message)
      }
    } finally {
      clearInterval(timer)
      clearInterval(commitTimer)
      await admin.close().catch(() => undefined)
    }
  }

  async #findTopics(list: () => Promise<string[]>): Promise<string[]> {
    const { topics } = this.#config
    const patterns = topics.filter(topic => topic.startsWith('^')).map(topic => new RegExp(topic))
    const named = topics.filter(topic => !topic.startsWith('^'))
    if (patterns.length === 0) return named
    const found = (await list()).filter(topic => patterns.some(pattern => pattern.test(topic)))
    return [...new Set([...named, ...found])].sort()
  }

  /** Ends the stream when the patterns match different topics. */
  #watchTopics(
    topics: readonly string[],
    list: () => Promise<string[]>,
    stream: MessagesStream<Buffer, Buffer, Buffer, Buffer>,
  ): NodeJS.Timeout {
    return setInterval(() => {
      this.#findTopics(list)
        .then(now => {
          if (now.join() !== topics.join()) stream.destroy()
        })
        .catch(() => undefined)
    }, kafkaTopicsPeriodMs)
  }

  #take(message: Message<Buffer, Buffer, Buffer, Buffer>): void {
    const { topic, partition, offset, value, key, timestamp } = message
    const { inlet } = this.#context
    const state = this.#stateOf(topic, partition, offset)
    state.pending.add(state.flow.sequence, offset + 1n)
    const labels = new Map(this.#config.labels)
    labels.set('__meta_kafka_topic', topic)
    labels.set('__meta_kafka_partition', String(partition))
    labels.set('__meta_kafka_member_id', this.#consumer?.memberId ?? '')
    labels.set('__meta_kafka_group_id', this.#groupId)
    // Promtail's word for "no key".
    labels.set('__meta_kafka_message_key', key?.toString('utf8') || 'none')
    const timestampNs = this.#config.usesIncomingTime ? timestamp * 1_000_000n : undefined
    inlet.add({ labels, line: value ?? Buffer.alloc(0), timestampNs }, state.flow)
  }

  #stateOf(topic: string, partition: number, offset: bigint): PartitionState {
    const id = `${topic}:${partition}`
    let state = this.#partitions.get(id)
    if (!state) {
      const flow = this.#context.inlet.openFlow(id)
      state = {
        topic,
        partition,
        flow,
        firstOffset: offset,
        pending: new PendingPlaces(),
        committed: offset,
      }
      this.#partitions.set(id, state)
    }
    return state
  }

  /** Commits what servers have accepted. */
  async #commit(): Promise<void> {
    const offsets = [...this.#partitions.values()].flatMap(state => {
      const next = state.pending.takeSettled(state.flow).at(-1)
      if (next === undefined) return []
      const { topic, partition } = state
      return [{ topic, partition, offset: next, leaderEpoch: -1 }]
    })
    if (offsets.length === 0 || !this.#consumer) return
    try {
      await this.#consumer.commit({ offsets })
    } catch (error) {
      // What was not committed is read again after the next start.
      this.#context.logger.warn({ error: describe(error) }, 'Cannot commit offsets to Kafka')
    }
  }

  /** Leaves the group. The next member reads again what was not committed. */
  async #leave(): Promise<void> {
    const consumer = this.#consumer
    this.#stream = undefined
    this.#consumer = undefined
    this.#partitions.clear()
    try {
      await consumer?.close(true)
    } catch {
      // The brokers notice its absence when its session times out.
    }
  }

  async stop(): Promise<void> {
    if (this.#stopping.signal.aborted) return
    this.#stopping.abort()
    this.#stream?.destroy()
    await Promise.race([this.#done, sleep(kafkaLeaveMs)])
  }

  async close(): Promise<void> {
    const leave = async () => {
      for (const { flow } of this.#partitions.values()) this.#context.inlet.finish(flow)
      await this.#commit()
      await this.#leave()
    }
    await Promise.race([leave(), sleep(kafkaLeaveMs)])
  }
}

/**
 * Returns true if a broker has a name. TLS servers that share an address are chosen by the requested name,
 * and an IP address is not a name.
 */
function hasNames(brokers: readonly string[]): boolean {
  return brokers.some(broker => isIP(broker.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')) === 0)
}

/** Describes what went wrong, with the cause if known. */
function describe(error: unknown): string {
  const { message, errors, cause } = error as Error & { errors?: unknown[] }
  const [inner = cause] = errors ?? []
  return inner ? `${message}: ${describe(inner)}` : message
}
