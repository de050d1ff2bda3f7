// A syslog message as an entry: host and program become labels, the text the line, the rest structured metadata.

import { createLabelSet, type Label } from '@skald/wire'
import type { SyslogMessage } from '@skald/wire/syslog-message'
import type { SyslogReceiverConfig } from '../../receivers-config.ts'
import type { ReceivedEntry } from '../entry-batch.ts'
import { hasId } from '../names.ts'

/** Makes an entry of a message. */
export function entryOfSyslog(
  message: SyslogMessage,
  timestampNs: bigint,
  { config, address }: { readonly config: SyslogReceiverConfig; readonly address: string },
): ReceivedEntry {
  const { hostname, appName, severity, facility, procId, msgId } = message
  const metadata: Label[] = []
  const offer = (name: string, value: string | undefined) => {
    if (value) metadata.push({ name, value })
  }
  const isProgram = appName !== undefined && !hasId(appName)
  offer('level', severity === 'informational' ? 'info' : severity)
  offer('facility', facility)
  offer('proc_id', procId)
  offer('msg_id', msgId)
  if (!isProgram) offer('app', appName)
  for (const [id, name, value] of message.structuredData) offer(`${id}_${name}`, value)
  const labels = createLabelSet({
    host: hostname ?? address,
    ...(isProgram && { app: appName }),
    ...config.labels,
  })
  return { labels, timestampNs, line: message.text, metadata }
}
