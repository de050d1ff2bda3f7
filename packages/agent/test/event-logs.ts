// Event logs for a substitute of wevtutil, which comes first on the PATH.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** What the substitute reads: channel → its log. */
export type StandInLogs = Record<string, StandInLog>

interface StandInLog {
  readonly records: { readonly id: number; readonly xml: string }[]
  isDenied?: boolean
  isTruncated?: boolean
  isWithoutBookmarks?: boolean
}

/** Logs that a test can change. */
export interface EventLogs {
  /** Changes the logs that `wevtutil` reads from then on. */
  change(how: (logs: StandInLogs) => void): void
  /** Returns the arguments of each `qe` so far, one per line. */
  calls(): string[]
}

/** Puts the substitute on the PATH until the test ends. */
export function installEventLogs(t: Test, directory: string, logs: StandInLogs): EventLogs {
  const path = `${directory}/logs.json`
  const script = fileURLToPath(new URL('./fixtures/wevtutil.ts', import.meta.url))
  mkdirSync(`${directory}/bin`, { recursive: true })
  const command = `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`
  writeFileSync(`${directory}/bin/wevtutil`, command, { mode: 0o755 })
  const { PATH } = process.env
  process.env.PATH = `${directory}/bin${delimiter}${PATH}`
  process.env.WEVTUTIL_LOGS = path
  t.teardown(() => {
    process.env.PATH = PATH
  })
  const write = () => {
    // Moved into place, so that nobody reads half of it.
    writeFileSync(`${path}.new`, JSON.stringify(logs))
    renameSync(`${path}.new`, path)
  }
  write()
  writeFileSync(`${path}.calls`, '')
  return {
    change(how) {
      how(logs)
      write()
    },
    calls: () => readFileSync(`${path}.calls`, 'utf8').split('\n').slice(0, -1),
  }
}

/** Returns the XML of an event as `wevtutil qe /f:RenderedXml` prints it. `more` replaces parts. */
export function eventXml(
  id: number,
  more: {
    readonly channel?: string
    readonly message?: string
    readonly eventId?: number
    readonly data?: string
    readonly computer?: string
  } = {},
): string {
  const { channel = 'System', eventId = 7036, computer = 'WS01.example.com' } = more
  const { message = `The service ${id} entered the running state.` } = more
  const { data = `<Data Name='param1'>Dienst ${id} ü</Data><Data Name='param2'>running</Data>` } =
    more
  return `<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Service Control Manager' Guid='{555908d1-a6d7-4695-8e1e-26931d2012f4}' EventSourceName='Service Control Manager'/><EventID Qualifiers='16384'>${eventId}</EventID><Version>0</Version><Level>4</Level><Task>0</Task><Opcode>0</Opcode><Keywords>0x8080000000000000</Keywords><TimeCreated SystemTime='2026-09-27T18:56:05.8987904Z'/><EventRecordID>${id}</EventRecordID><Correlation/><Execution ProcessID='760' ThreadID='4460'/><Channel>${channel}</Channel><Computer>${computer}</Computer><Security UserID='S-1-5-18'/></System><EventData>${data}</EventData><RenderingInfo Culture='en-US'><Message>${message}</Message><Level>Information</Level><Task></Task><Opcode></Opcode><Channel></Channel><Provider>Microsoft-Windows-Service Control Manager</Provider><Keywords><Keyword>Classic</Keyword></Keywords></RenderingInfo></Event>`
}

/** Returns records of a log with numbers from `from` to `to`. */
export function records(from: number, to: number, channel = 'System') {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => ({
    id: from + i,
    xml: eventXml(from + i, { channel }),
  }))
}
