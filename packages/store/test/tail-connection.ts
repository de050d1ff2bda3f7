// A real websocket client of a tail for tests: records what it receives, and waits for more.

import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { Labels, TestScope } from './harness.ts'

/** One message of a tail. */
export interface TailFrame {
  readonly streams: readonly {
    readonly stream: Labels
    readonly values: readonly (readonly [string, string, unknown?])[]
  }[]
  readonly dropped_entries?: readonly { readonly timestamp: string; readonly labels: Labels }[]
  readonly encodingFlags?: readonly string[]
}

export interface TailConnection {
  readonly socket: WebSocket
  readonly frames: readonly TailFrame[]
  /** Returns the lines received so far. */
  lines(): string[]
  /** Waits until this many lines have arrived. Returns all lines. */
  waitForLines(count: number): Promise<string[]>
  waitForClose(): Promise<{ code: number; reason: string }>
}

/** Opens a tail and waits until it is open. */
export async function openTail(
  t: TestScope,
  url: string,
  params: Readonly<Record<string, string>>,
  { path = '/loki/api/v1/tail', headers = {} as Labels, protocols = [] as string[] } = {},
): Promise<TailConnection> {
  const query = new URLSearchParams(params).toString()
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}?${query}`, protocols, {
    headers,
  })
  t.teardown(() => socket.terminate())
  const frames: TailFrame[] = []
  const lines: string[] = []
  socket.on('message', (data: Buffer, isBinary: boolean) => {
    if (isBinary) throw new TypeError('a tail is text')
    const frame = JSON.parse(data.toString('utf8')) as TailFrame
    frames.push(frame)
    for (const { values = [] } of frame.streams) for (const [, line] of values) lines.push(line)
  })
  const closed = once(socket, 'close').then(([code, reason]) => ({
    code: code as number,
    reason: String(reason),
  }))
  await once(socket, 'open')
  return {
    socket,
    frames,
    lines: () => lines,
    waitForLines: async count => {
      while (lines.length < count) await once(socket, 'message')
      return lines
    },
    waitForClose: () => closed,
  }
}

/** Returns status and body of a rejected upgrade. */
export async function refusedTail(
  url: string,
  path: string,
  headers: Labels = {},
): Promise<{ status: number; body: string }> {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${path}`, { headers })
  socket.on('error', () => {})
  const [, response] = (await once(socket, 'unexpected-response')) as [
    unknown,
    NodeJS.ReadableStream & { statusCode: number },
  ]
  let body = ''
  for await (const chunk of response) body += String(chunk)
  return { status: response.statusCode, body }
}
