// Syslog over TCP, TLS or UDP. A syslog sender gets no answer, so a connection is read only as fast as the lines are
// stored. Datagrams beyond that are dropped and counted.

import dgram from 'node:dgram'
import { once } from 'node:events'
import net, { isIPv6 } from 'node:net'
import tls from 'node:tls'
import { nsPerMs } from '@skald/go-dialect'
import { plainAddress } from '@skald/wire/plain-address'
import { SyslogConnections, type TakeFrame } from '@skald/wire/syslog-connections'
import { withoutCount, withoutEnd } from '@skald/wire/syslog-frames'
import { parseSyslog } from '@skald/wire/syslog-message'
import type { Logger } from 'pino'
import type { Ingester } from '../../ingest/ingester.ts'
import type { PushBudget } from '../../ingest/push-budget.ts'
import { syslogConnectionsMax, syslogReceiveBufferBytes, syslogReportMs } from '../../limits.ts'
import type { StoreMetrics } from '../../metrics.ts'
import type { SyslogReceiverConfig } from '../../receivers-config.ts'
import { clientOptions, isClientAllowed, readCertificate } from '../../tls/certificate.ts'
import { CertificateWatch } from '../../tls/certificate-watch.ts'
import type { ArrivalTimes } from '../arrival-times.ts'
import type { ReceivedEntry } from '../entry-batch.ts'
import { EntrySink } from '../entry-sink.ts'
import { entryOfSyslog } from './syslog-entry.ts'

/** The parts of the store that a listener uses. */
export interface SyslogReceiverParts {
  readonly ingester: Ingester
  readonly budget: PushBudget
  readonly metrics: StoreMetrics
  readonly logger: Logger
  readonly clock: { now(): number }
  readonly arrivals: ArrivalTimes
}

/** The sender of a message, and what its last one was. */
interface Sender {
  readonly address: string
  /** The time of its last message, and how many messages had the same time before. */
  lastNs: bigint
  equalCount: bigint
}

/** One listener. */
export class SyslogReceiver {
  readonly #config: SyslogReceiverConfig
  readonly #parts: SyslogReceiverParts
  readonly #sink: EntrySink
  readonly #connections: SyslogConnections
  readonly #timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  #server: net.Server | dgram.Socket | undefined
  #watch: CertificateWatch | undefined
  /** Messages that were dropped since the last report, by reason. */
  readonly #unsaid = new Map<string, number>()
  #saidMs = Number.NEGATIVE_INFINITY

  constructor(config: SyslogReceiverConfig, parts: SyslogReceiverParts) {
    this.#config = config
    this.#parts = parts
    const { ingester, budget, logger } = parts
    const client = { address: 'syslog', userAgent: 'syslog' }
    this.#sink = new EntrySink({
      ...{ budget, logger, target: { ingester, tenant: config.tenant, client } },
      onDropped: count => this.#countDropped('receiver_gave_up', count),
    })
    const { idleTimeoutMs, messageBytesMax } = config
    this.#connections = new SyslogConnections({ idleTimeoutMs, messageBytesMax, sink: this.#sink })
  }

  /** Where it listens, such as `tcp 127.0.0.1:1514`. */
  get place(): string {
    const { protocol, tls: tlsConfig } = this.#config
    const { address, port } = this.#server!.address() as net.AddressInfo
    const host = isIPv6(address) ? `[${address}]` : address
    return `${tlsConfig ? 'tls' : protocol} ${host}:${port}`
  }

  /** @throws the system's error if it cannot listen, CertificateError if TLS cannot be used. */
  async listen(): Promise<void> {
    if (this.#config.protocol === 'udp') await this.#listenUdp()
    else await this.#listenTcp()
    this.#server!.on('error', error => {
      this.#parts.logger.warn({ err: error }, 'a syslog listener failed')
    })
    this.#parts.logger.info({ place: this.place }, 'syslog listens')
  }

  async #listenUdp(): Promise<void> {
    const { host, port } = this.#config.address
    const socket = dgram.createSocket(isIPv6(host ?? '') ? 'udp6' : 'udp4')
    this.#server = socket
    // Datagrams have no connection, so senders are told apart by their address.
    const senders = new Map<string, Sender>()
    socket.on('message', (bytes, from) => {
      let sender = senders.get(from.address)
      if (!sender) {
        if (senders.size >= syslogConnectionsMax) senders.clear()
        sender = newSender(from.address)
        senders.set(from.address, sender)
      }
      this.#takeDatagram(bytes, sender)
    })
    socket.bind({ port, ...(host === undefined ? {} : { address: host }) })
    await once(socket, 'listening')
    try {
      socket.setRecvBufferSize(syslogReceiveBufferBytes)
    } catch {
      // The system allows only a smaller buffer, so bursts may lose datagrams sooner.
    }
  }

  async #listenTcp(): Promise<void> {
    const { tls: tlsConfig, address } = this.#config
    const server = tlsConfig
      ? this.#createTlsServer(tlsConfig)
      : net.createServer(socket => this.#accept(socket))
    server.maxConnections = syslogConnectionsMax
    this.#server = server
    server.listen({ port: address.port, ...(address.host && { host: address.host }) })
    await once(server, 'listening')
  }

  #createTlsServer(config: NonNullable<SyslogReceiverConfig['tls']>): tls.Server {
    const { logger } = this.#parts
    const certificate = readCertificate(config)
    const server = tls.createServer(
      { ...certificate.context, ...clientOptions(config) },
      socket => {
        if (isClientAllowed(config, socket)) this.#accept(socket)
        else socket.destroy()
      },
    )
    server.on('tlsClientError', error => {
      logger.warn({ error: error.message }, 'a syslog client was refused')
    })
    this.#watch = new CertificateWatch({ config, certificate, server, logger })
    return server
  }

  #accept(socket: net.Socket): void {
    this.#connections.accept(socket, () => this.#open(socket))
  }

  #open(socket: net.Socket): TakeFrame {
    const sender = newSender(socket.remoteAddress ?? '')
    // The message that late lines belong to.
    let last: ReceivedEntry | undefined
    return frame => {
      if (frame.kind === 'tooLong') this.#drop('line_too_long', sender)
      else if (frame.kind === 'message') last = this.#take(frame.bytes, sender)
      else if (last) {
        last = { ...last, line: textOf(frame.bytes), timestampNs: last.timestampNs + 1n }
        this.#sink.add(last)
      } else this.#drop('no_syslog_message', sender)
    }
  }

  #takeDatagram(bytes: Buffer, sender: Sender): void {
    if (!this.#sink.hasRoom) this.#drop('no_room', sender)
    else if (bytes.length > this.#config.messageBytesMax) this.#drop('line_too_long', sender)
    else this.#take(withoutCount(bytes), sender)
  }

  /** Takes a message. Returns its entry, or nothing if it is not one. */
  #take(bytes: Buffer, sender: Sender): ReceivedEntry | undefined {
    const text = textOf(bytes)
    if (text === '') return undefined
    const { format } = this.#config
    const nowNs = BigInt(this.#parts.clock.now()) * nsPerMs
    const message = parseSyslog(text, { format, nowNs, timeZone: this.#timeZone })
    if (!message) {
      this.#drop('no_syslog_message', sender)
      return undefined
    }
    const timestampNs = this.#timeOf(message.timestampNs, sender)
    const entry = entryOfSyslog(message, timestampNs, {
      config: this.#config,
      address: sender.address,
    })
    if (message.text !== '') this.#sink.add(entry)
    return entry
  }

  /** Messages of one second often have the same time, and the same text. Each is a separate line. */
  #timeOf(sentNs: bigint | undefined, sender: Sender): bigint {
    if (!this.#config.usesIncomingTime || sentNs === undefined) return this.#parts.arrivals.next()
    sender.equalCount = sentNs === sender.lastNs ? sender.equalCount + 1n : 0n
    sender.lastNs = sentNs
    return sentNs + sender.equalCount
  }

  #drop(reason: string, { address }: Sender): void {
    this.#countDropped(reason, 1)
    this.#unsaid.set(reason, (this.#unsaid.get(reason) ?? 0) + 1)
    const nowMs = performance.now()
    if (nowMs - this.#saidMs < syslogReportMs) return
    this.#saidMs = nowMs
    const dropped = Object.fromEntries(this.#unsaid)
    this.#unsaid.clear()
    this.#parts.logger.warn({ client: address, dropped }, 'syslog messages are dropped')
  }

  #countDropped(reason: string, count: number): void {
    this.#parts.metrics.discardedEntries.inc({ reason, tenant: this.#config.tenant }, count)
  }

  /** Stores what has come, and accepts no more. */
  async close(): Promise<void> {
    this.#server?.close()
    await this.#watch?.close()
    await this.#connections.close()
    await this.#sink.close()
  }
}

function newSender(address: string): Sender {
  return { address: plainAddress(address), lastNs: -1n, equalCount: 0n }
}

function textOf(bytes: Buffer): string {
  return withoutEnd(bytes).toString('utf8')
}
