// windows_events: reads Windows' event log through wevtutil, starting at a saved bookmark.

import { readFileSync } from 'node:fs'
import {
  readBoolean,
  readCount,
  readDurationMs,
  readLabels,
  readText,
  type ValueReader,
} from '@skald/config-reading'
import { eventPollMsDefault } from '../limits.ts'
import { checkProgram, decoderOf } from './program.ts'
import { cursorKey, type SourceConfig, type SourceContext } from './source.ts'
import { Wevtutil } from './wevtutil.ts'
import { type ChannelQuery, channelQueries, parseBookmark } from './windows-query.ts'
import { WindowsReader, type WindowsReaderConfig } from './windows-reader.ts'

/** Reads the body of windows_events. */
export const readWindowsEventsSource: ValueReader<SourceConfig> = cursor => {
  const raw = cursor.record({
    locale: readCount,
    eventlog_name: readText,
    xpath_query: readText,
    use_incoming_timestamp: readBoolean,
    bookmark_path: readText,
    poll_interval: readDurationMs,
    exclude_event_data: readBoolean,
    exclude_event_message: readBoolean,
    exclude_user_data: readBoolean,
    labels: readLabels,
  })
  const pollIntervalMs = raw.poll_interval || eventPollMsDefault
  if (pollIntervalMs < 0)
    return cursor.failAtKey(`${cursor.name}.poll_interval must not be negative`)
  let queries: ChannelQuery[]
  try {
    queries = channelQueries(raw.eventlog_name ?? '', raw.xpath_query ?? '')
  } catch (error) {
    return cursor.failAtKey(`${cursor.name} ${(error as Error).message}`)
  }
  const config: WindowsReaderConfig = {
    ...{ queries, pollIntervalMs, labels: raw.labels ?? new Map() },
    usesIncomingTime: raw.use_incoming_timestamp ?? false,
    lineOptions: {
      hasEventData: !raw.exclude_event_data,
      hasUserData: !raw.exclude_user_data,
      hasMessage: !raw.exclude_event_message,
    },
  }
  const start = async (context: SourceContext) => {
    checkProgram('wevtutil', {
      args: ['/?'],
      before: `job ${context.jobName} reads the event log of Windows`,
      after: 'Run this job on Windows, or remove it',
    })
    const locale = await localeName(raw.locale ?? 0)
    const places = savedPlaces(raw.bookmark_path ?? '', context)
    return new WindowsReader(config, context, { places, wevtutil: new Wevtutil(locale) })
  }
  return { isPerClient: true, start }
}

/**
 * Returns the name of a language, such as `en-US`, for its number in Windows. Returns `undefined` for 0,
 * the system's language.
 */
async function localeName(id: number): Promise<string | undefined> {
  if (id === 0) return undefined
  const { default: lcid } = await import('lcid')
  const name = lcid.from(id)?.replaceAll('_', '-')
  if (name !== undefined) return name
  throw new Error(`locale ${id} is not a Windows language: use one such as 1033 (English), or 0`)
}

/** Returns where to continue in each channel: from the positions file, or else from Promtail's bookmark. */
function savedPlaces(bookmarkPath: string, context: SourceContext): Map<string, number> {
  const { jobName, cursors } = context
  const cursor = cursors.get(cursorKey(context))
  const where =
    cursor === undefined ? `bookmark_path ${bookmarkPath}` : 'its cursor in the positions file'
  try {
    return parseBookmark(cursor ?? readBookmarkFile(bookmarkPath))
  } catch (error) {
    const message = `job ${jobName} cannot go on where it was, ${where} is no bookmark: ${(error as Error).message}. Remove it to begin with the next event`
    throw new Error(message, { cause: error })
  }
}

function readBookmarkFile(path: string): string {
  if (path === '') return ''
  try {
    const bytes = readFileSync(path)
    return decoderOf(bytes).decode(bytes)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
