// syslog: receives messages over TCP, TLS or UDP.

import type dgram from 'node:dgram'
import { reverse } from 'node:dns/promises'
import { once } from 'node:events'
import net from 'node:net'
import tls from 'node:tls'
import {
  readBoolean,
  readCount,
  readDurationMs,
  readLabels,
  readOneOf,
  type ValueReader,
} from '@skald/config-reading'
import { decodeGoText } from '@skald/go-dialect/text/go-bytes'
import { plainAddress } from '@skald/wire/plain-address'
import { SyslogConnections, type TakeFrame } from '@skald/wire/syslog-connections'
import { withoutCount, withoutEnd } from '@skald/wire/syslog-frames'
import { parseSyslog, type SyslogFormat, type SyslogMessage } from '@skald/wire/syslog-message'
import { readServerTls } from '../config-reading/server-tls.ts'
import {
  clientNameLimitMs,
  clientNamesMax,
  noMessageBytesShown,
  noMessagePeriodMs,
  syslogConnectionsMax,
  syslogIdleMsDefault,
  syslogMessageBytesDefault,
} from '../limits.ts'
import { type ServerTls, serverTlsOptions } from '../net/server-tls.ts'
import type { SourceLine } from './inlet.ts'
import { formatAddress, type ListenAddress, readListenAddress } from './listen-address.ts'
import { ListeningSource } from './listening-source.ts'
import { probeListen } from './probe.ts'
import type { SourceConfig, SourceContext } from './source.ts'
import { bindUdp, createUdpSocket } from './udp.ts'

interface SyslogConfig {
  readonly address: ListenAddress
  readonly protocol: 'tcp' | 'udp'
  readonly idleTimeoutMs: number
  readonly labelsStructuredData: boolean
  readonly labels: ReadonlyMap<string, string>
  readonly usesIncomingTime: boolean
  /** Sends the whole message as the line, including its priority. */
  readonly keepsWholeMessage: boolean
  readonly format: SyslogFormat
  readonly messageBytesMax: number
  readonly tls: ServerTls | undefined
}

const hostnameLabel = '__syslog_connection_hostname'

/** Reads the body of syslog. */
export const readSyslogSource: ValueReader<SourceConfig> = cursor => {
  const raw = cursor.record({
    listen_address: readListenAddress,
    listen_protocol: readOneOf(['tcp', 'udp', ''] as const),
    idle_timeout: readDurationMs,
    label_structured_data: readBoolean,
    labels: readLabels,
    use_incoming_timestamp: readBoolean,
    use_rfc5424_message: readBoolean,
    syslog_format: readOneOf(['rfc5424', 'rfc3164', ''] as const),
    max_message_length: readCount,
    tls_config: readServerTls,
  })
  if (!raw.listen_address) {
    if (cursor.get('listen_address')) return undefined
    return cursor.failAtKey('syslog needs a listen_address such as 0.0.0.0:1514')
  }
  const protocol = raw.listen_protocol || 'tcp'
  if (protocol === 'udp' && raw.tls_config) {
    return cursor.get('tls_config')?.failAtKey('tls_config needs listen_protocol tcp')
  }
  const config: SyslogConfig = {
    ...{ address: raw.listen_address, protocol, tls: raw.tls_config },
    idleTimeoutMs: raw.idle_timeout ?? syslogIdleMsDefault,
    labelsStructuredData: raw.label_structured_data ?? false,
    labels: raw.labels ?? new Map(),
    usesIncomingTime: raw.use_incoming_timestamp ?? false,
    keepsWholeMessage: raw.use_rfc5424_message ?? false,
    format: raw.syslog_format || 'rfc5424',
    messageBytesMax: raw.max_message_length || syslogMessageBytesDefault,
  }
  const start = async (context: SourceContext) => {
    const source = new SyslogSource(config, context)
    await source.listen()
    return source
  }
  const probe = () => probeListen(config.address, protocol)
  return { isPerClient: false, start, probe }
}

class SyslogSource extends ListeningSource<SyslogConfig> {
  readonly #names = new Map<string, Promise<string>>()
  readonly #timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone
  #server: net.Server | dgram.Socket | undefined
  #connections: SyslogConnections | undefined
  /** Number of invalid messages not reported yet, and when some were last reported. */
  #unsaidCount = 0
  #saidMs = Number.NEGATIVE_INFINITY

  async listen(): Promise<void> {
    const { protocol, tls: tlsFiles, address } = this.config
    const { host, port } = address
    if (protocol === 'udp') {
      const socket = createUdpSocket(address)
      socket.on('message', (bytes, from) => this.#takeDatagram(bytes, from.address))
      this.boundTo = await bindUdp(socket, address)
      socket.on('error', error => this.#warn(error, 'Syslog listener failed'))
      this.#server = socket
    } else {
      const { idleTimeoutMs, messageBytesMax } = this.config
      const options = { idleTimeoutMs, messageBytesMax, sink: this.context.inlet }
      const connections = new SyslogConnections(options)
      this.#connections = connections
      const accept = (socket: net.Socket) => connections.accept(socket, () => this.#open(socket))
      const server = tlsFiles
        ? tls.createServer(serverTlsOptions(tlsFiles), accept)
        : net.createServer(accept)
      server.on('tlsClientError', error => this.#warn(error, 'Syslog client was refused'))
      server.maxConnections = syslogConnectionsMax
      server.listen({ port, ...(host === undefined ? {} : { host }) })
      await once(server, 'listening')
      server.on('error', error => this.#warn(error, 'Syslog listener failed'))
      this.#server = server
      const bound = server.address() as net.AddressInfo
      this.boundTo = `${tlsFiles ? 'tls' : 'tcp'} ${formatAddress({ host: bound.address, port: bound.port })}`
    }
    this.context.logger.info({ place: this.boundTo }, 'Syslog listens')
  }

  #warn(error: Error, message: string): void {
    this.context.logger.warn({ error: error.message }, message)
  }

  async #open(socket: net.Socket): Promise<TakeFrame> {
    const address = plainAddress(socket.remoteAddress ?? '')
    const connection = { address, hostname: await this.#nameOf(address) }
    // The message that late lines belong to.
    let last: SourceLine | undefined
    return frame => {
      if (frame.kind === 'tooLong') this.#countTooLong(frame.byteLength, address)
      else if (frame.kind === 'message') last = this.#take(frame.bytes, connection)
      else if (last) this.#add({ ...last, line: decodeGoText(withoutEnd(frame.bytes)) })
      else this.#countNoMessage(frame.bytes, address)
    }
  }

  #takeDatagram(bytes: Buffer, address: string): void {
    const { inlet, metrics } = this.context
    if (!inlet.hasRoom) {
      // UDP has no way to make a sender wait.
      metrics.droppedLines.inc({ reason: 'no_room' })
      return
    }
    if (bytes.length > this.config.messageBytesMax) {
      this.#countTooLong(bytes.length, address)
      return
    }
    void this.#nameOf(address).then(hostname => {
      this.#take(withoutCount(bytes), { address: plainAddress(address), hostname })
    })
  }

  #countTooLong(byteLength: number, address: string): void {
    const { metrics, logger } = this.context
    metrics.droppedLines.inc({ reason: 'line_too_long' })
    const fields = { client: address, bytes: byteLength, max: this.config.messageBytesMax }
    logger.warn(fields, 'Syslog message is longer than max_message_length: dropped')
  }

  /** Looks up the name of a client, if a rule uses it. */
  async #nameOf(address: string): Promise<string> {
    if (!this.context.inlet.isAskedFor(hostnameLabel)) return ''
    let name = this.#names.get(address)
    if (!name) {
      if (this.#names.size >= clientNamesMax) this.#names.clear()
      name = lookUp(address)
      this.#names.set(address, name)
    }
    return name
  }

  /** Takes a message. Returns it as passed on, or undefined if it is invalid. */
  #take(
    bytes: Buffer,
    connection: { readonly address: string; readonly hostname: string },
  ): SourceLine | undefined {
    const { metrics, wallMs } = this.context
    const whole = withoutEnd(bytes)
    if (whole.length === 0) return undefined
    const text = decodeGoText(whole)
    const nowNs = BigInt(wallMs()) * 1_000_000n
    const { format } = this.config
    const message = parseSyslog(text, { format, nowNs, timeZone: this.#timeZone })
    if (!message) {
      this.#countNoMessage(whole, connection.address)
      return undefined
    }
    const isIncoming = this.config.usesIncomingTime
    const line: SourceLine = {
      labels: this.#labelsOf(message, connection),
      line: this.config.keepsWholeMessage ? text : message.text,
      timestampNs: isIncoming ? message.timestampNs : undefined,
    }
    if (message.text === '') metrics.syslogEmptyMessages.inc()
    else this.#add(line)
    return line
  }

  #add(line: SourceLine): void {
    this.context.inlet.add(line)
    this.context.metrics.syslogEntries.inc()
  }

  /** Counts an invalid message. Reports it no more often than people can read. */
  #countNoMessage(bytes: Buffer, address: string): void {
    const { metrics, logger, nowMs } = this.context
    metrics.syslogParsingErrors.inc()
    this.#unsaidCount++
    if (nowMs() - this.#saidMs < noMessagePeriodMs) return
    const text = bytes.toString('utf8', 0, noMessageBytesShown)
    const fields = { client: address, count: this.#unsaidCount, text }
    logger.warn(fields, 'Not a syslog message: dropped')
    this.#unsaidCount = 0
    this.#saidMs = nowMs()
  }

  #labelsOf(
    message: SyslogMessage,
    { address, hostname }: { readonly address: string; readonly hostname: string },
  ): Map<string, string> {
    const labels = new Map(this.config.labels)
    const offer = (name: string, value: string | undefined) => {
      if (value) labels.set(name, value)
    }
    offer('__syslog_connection_ip_address', address)
    offer(hostnameLabel, hostname)
    offer('__syslog_message_severity', message.severity)
    offer('__syslog_message_facility', message.facility)
    offer('__syslog_message_hostname', message.hostname)
    offer('__syslog_message_app_name', message.appName)
    offer('__syslog_message_proc_id', message.procId)
    offer('__syslog_message_msg_id', message.msgId)
    if (this.config.labelsStructuredData) {
      for (const [id, name, value] of message.structuredData) {
        offer(`__syslog_message_sd_${id}_${name}`.replaceAll(/[^a-zA-Z0-9_]/g, '_'), value)
      }
    }
    return labels
  }

  async stop(): Promise<void> {
    if (this.isStopped) return
    this.isStopped = true
    this.#server?.close()
    await this.#connections?.close()
  }
}

async function lookUp(address: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const isOver = new Promise<string[]>(resolve => {
    timer = setTimeout(() => resolve([]), clientNameLimitMs)
  })
  try {
    const names = await Promise.race([reverse(address), isOver])
    return (names[0] ?? '').replace(/\.$/, '')
  } catch {
    // The address has no name.
    return ''
  } finally {
    clearTimeout(timer)
  }
}
