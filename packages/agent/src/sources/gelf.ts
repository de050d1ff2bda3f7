// gelf: receives Graylog's messages over UDP.

import type dgram from 'node:dgram'
import { readBoolean, readLabels, type ValueReader } from '@skald/config-reading'
import { GelfAssembler } from './gelf-message.ts'
import { type ListenAddress, readListenAddress } from './listen-address.ts'
import { ListeningSource } from './listening-source.ts'
import { probeListen } from './probe.ts'
import type { SourceConfig, SourceContext } from './source.ts'
import { bindUdp, createUdpSocket } from './udp.ts'

interface GelfConfig {
  readonly address: ListenAddress
  readonly labels: ReadonlyMap<string, string>
  readonly usesIncomingTime: boolean
}

const defaultPort = 12_201
const levels = [
  ...['emergency', 'alert', 'critical', 'error', 'warning', 'notice', 'informational', 'debug'],
]

/** Reads the body of gelf. */
export const readGelfSource: ValueReader<SourceConfig> = cursor => {
  const raw = cursor.record({
    listen_address: readListenAddress,
    labels: readLabels,
    use_incoming_timestamp: readBoolean,
  })
  const config: GelfConfig = {
    address: raw.listen_address ?? { host: undefined, port: defaultPort },
    labels: raw.labels ?? new Map(),
    usesIncomingTime: raw.use_incoming_timestamp ?? false,
  }
  const start = async (context: SourceContext) => {
    const source = new GelfSource(config, context)
    await source.listen()
    return source
  }
  const probe = () => probeListen(config.address, 'udp')
  return { isPerClient: false, start, probe }
}

class GelfSource extends ListeningSource<GelfConfig> {
  readonly #socket: dgram.Socket
  readonly #assembler = new GelfAssembler()

  constructor(config: GelfConfig, context: SourceContext) {
    super(config, context)
    this.#socket = createUdpSocket(config.address)
  }

  async listen(): Promise<void> {
    this.#socket.on('message', (datagram, { address }) => this.#receive(datagram, address))
    this.boundTo = await bindUdp(this.#socket, this.config.address)
    const { logger } = this.context
    this.#socket.on('error', error => logger.warn({ error: error.message }, 'GELF listener failed'))
    logger.info({ place: this.boundTo }, 'GELF listens')
  }

  #receive(datagram: Buffer, sender: string): void {
    const { inlet, metrics, nowMs, logger } = this.context
    if (!inlet.hasRoom) {
      // UDP has no way to make a sender wait.
      metrics.droppedLines.inc({ reason: 'no_room' })
      return
    }
    const lostBefore = this.#assembler.lostCount
    try {
      const text = this.#assembler.take(datagram, sender, nowMs())
      if (text !== undefined) this.#take(text)
    } catch (error) {
      metrics.gelfParsingErrors.inc()
      logger.debug({ sender, error: (error as Error).message }, 'Not a GELF message')
    }
    metrics.gelfParsingErrors.inc(this.#assembler.lostCount - lostBefore)
  }

  #take(text: string): void {
    const message: unknown = JSON.parse(text)
    if (typeof message !== 'object' || message === null || Array.isArray(message)) {
      throw new Error('the message is not a JSON object')
    }
    const { host, version, facility, level, timestamp } = message as Record<string, unknown>
    const labels = new Map(this.config.labels)
    const offer = (name: string, value: unknown) => {
      if (typeof value === 'string' && value !== '') labels.set(`__gelf_message_${name}`, value)
    }
    // GELF's own default is ALERT.
    offer('level', levels[Number(level ?? 1)])
    offer('host', host)
    offer('version', version)
    offer('facility', facility)
    const seconds = Number(timestamp)
    const isIncoming = this.config.usesIncomingTime && timestamp !== undefined && seconds > 0
    this.context.inlet.add({
      ...{ labels, line: text.trim() },
      // A number in JSON is exact to about a microsecond for today's times.
      timestampNs: isIncoming ? BigInt(Math.round(seconds * 1e6)) * 1_000n : undefined,
    })
    this.context.metrics.gelfEntries.inc()
  }

  async stop(): Promise<void> {
    if (this.isStopped) return
    this.isStopped = true
    await new Promise<void>(resolve => this.#socket.close(resolve))
  }
}
