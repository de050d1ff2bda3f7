// Prints entries instead of sending them (-dry-run), one per line: time, labels, text.

import type { Writable } from 'node:stream'
import { formatDurationMs, formatGoTime } from '@skald/go-dialect'
import type { Colours } from '@skald/wire'
import { stringify } from 'yaml'
import type { ClientConfig } from '../config/clients.ts'
import { LabelState } from '../line/label-state.ts'
import type { SinkLine } from '../line/line-sink.ts'
import type { Delivery } from '../push/delivery.ts'

const timeLayout = '2006-01-02T15:04:05.999999999-0700'
const tenantLabel = '__tenant_id__'

/** Takes the place of a client's queue. */
export class EntryPrinter implements Delivery {
  readonly #client: ClientConfig
  readonly #output: Writable
  readonly #colours: Colours
  readonly #location = Intl.DateTimeFormat().resolvedOptions().timeZone
  onRoom: (() => void) | undefined

  constructor(client: ClientConfig, output: Writable, colours: Colours) {
    this.#client = client
    this.#output = output
    this.#colours = colours
    output.on('drain', () => this.onRoom?.())
  }

  get hasRoom(): boolean {
    return !this.#output.writableNeedDrain
  }

  add({ seconds, nanos, labels, bytes, start, end }: SinkLine): void {
    const timestampNs = BigInt(seconds) * 1_000_000_000n + BigInt(nanos)
    const time = formatGoTime(timeLayout, timestampNs, { location: this.#location })
    const all = new Map(labels.labels)
    all.delete(tenantLabel)
    for (const [name, value] of this.#client.externalLabels) {
      if (!all.get(name)) all.set(name, value)
    }
    const { cyan, yellow } = this.#colours
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
    this.#output.write(`${cyan(time)}\t${yellow(new LabelState(all).text)}\t${text}\n`)
  }

  async drain(): Promise<void> {
    if (this.hasRoom || this.#output.destroyed) return
    await new Promise<void>(resolve => {
      this.#output.once('drain', resolve)
      this.#output.once('close', resolve)
    })
  }

  async stop(): Promise<void> {
    await this.drain()
  }
}

/** Describes clients for people, with secrets hidden. */
export function describeClients(clients: readonly ClientConfig[]): string {
  const described = clients.map(client => {
    const { transport, backoff } = client
    return {
      ...(client.name === undefined ? {} : { name: client.name }),
      url: transport.url.href,
      ...(client.tenantId === '' ? {} : { tenant_id: client.tenantId }),
      batchwait: formatDurationMs(client.batchWaitMs),
      batchsize: client.batchBytesMax,
      timeout: formatDurationMs(transport.timeoutMs),
      follow_redirects: transport.followsRedirects,
      backoff_config: {
        min_period: formatDurationMs(backoff.minMs),
        max_period: formatDurationMs(backoff.maxMs),
        max_retries: backoff.attemptsMax,
      },
      ...(transport.authorization && { authorization: '<secret>' }),
      external_labels: Object.fromEntries(client.externalLabels),
    }
  })
  return `Clients configured:\n${'-'.repeat(22)}\n${described.map(client => stringify(client)).join('---\n')}\n`
}
