// A Windows event as `wevtutil /f:RenderedXml` prints it, and the line that Promtail makes from it.

import { goJsonText } from '../pipeline/go-json.ts'
import { walkXml } from './xml.ts'

/** The parts of an event that are used. Missing strings are empty, missing numbers 0. */
export interface WindowsEvent {
  readonly channel: string
  readonly computer: string
  /** When it was written, in RFC 3339 with seven decimal places. */
  readonly timeCreated: string
  /** Its number in the log it was first written to. `undefined` if the XML has none. */
  readonly recordId: number | undefined
  /** What is wrong with the XML. Fields may then be missing. */
  readonly flaw: string | undefined
  readonly fields: EventFields
}

interface EventFields {
  /** Element or attribute under `System` → value, such as `Provider@Name`. */
  readonly system: ReadonlyMap<string, string>
  /** The same below `RenderingInfo`. */
  readonly rendering: ReadonlyMap<string, string>
  readonly keywords: readonly string[]
  readonly eventData: string
  readonly userData: string
}

/** Parts of an event to leave out of its line. */
export interface LineOptions {
  readonly hasEventData: boolean
  readonly hasUserData: boolean
  readonly hasMessage: boolean
}

/** Reads an event. From malformed XML, reads as much as possible. */
export function parseWindowsEvent(xml: string): WindowsEvent {
  const system = new Map<string, string>()
  const rendering = new Map<string, string>()
  const keywords: string[] = []
  const inner = { EventData: '', UserData: '' }
  const flaw = walkXml(xml, element => {
    const [root, section = '', name = '', last] = element.path
    if (root !== 'Event') return
    if (element.path.length === 2 && (section === 'EventData' || section === 'UserData')) {
      inner[section] = element.inner
    } else if (element.path.length === 3 && section === 'System') {
      system.set(name, element.text)
      for (const [key, value] of Object.entries(element.attributes)) {
        system.set(`${name}@${key}`, value)
      }
    } else if (element.path.length === 3 && section === 'RenderingInfo') {
      rendering.set(name, element.text)
    } else if (section === 'RenderingInfo' && last === 'Keyword' && element.text !== '') {
      keywords.push(element.text)
    }
  })
  const recordId = wholeOf(system.get('EventRecordID'))
  return {
    channel: system.get('Channel') ?? '',
    computer: system.get('Computer') ?? '',
    timeCreated: system.get('TimeCreated@SystemTime') ?? '',
    ...{ recordId: recordId > 0 ? recordId : undefined, flaw },
    fields: { system, rendering, keywords, eventData: inner.EventData, userData: inner.UserData },
  }
}

/** Returns the line of an event: Promtail's fields in its order, without those that are empty or 0. */
export function formatWindowsEvent(event: WindowsEvent, options: LineOptions): string {
  const { system, rendering, keywords, eventData, userData } = event.fields
  const { hasEventData, hasUserData, hasMessage } = options
  const processId = wholeOf(system.get('Execution@ProcessID'))
  const threadId = wholeOf(system.get('Execution@ThreadID'))
  return (
    objectText([
      ['source', system.get('Provider@Name')],
      ['channel', event.channel],
      ['computer', event.computer],
      ['event_id', wholeOf(system.get('EventID'))],
      ['version', wholeOf(system.get('Version'))],
      ['level', wholeOf(system.get('Level'))],
      ['task', wholeOf(system.get('Task'))],
      ['opCode', wholeOf(system.get('Opcode'))],
      ['levelText', rendering.get('Level')],
      ['taskText', rendering.get('Task')],
      ['opCodeText', rendering.get('Opcode')],
      ['keywords', keywords.join(',') || system.get('Keywords')],
      ['timeCreated', event.timeCreated],
      ['eventRecordID', event.recordId],
      [
        'correlation',
        {
          json: objectText([
            ['activityID', system.get('Correlation@ActivityID')],
            ['relatedActivityID', system.get('Correlation@RelatedActivityID')],
          ]),
        },
      ],
      [
        'execution',
        processId > 0 && {
          json: objectText([
            ['processId', processId],
            ['threadId', threadId],
          ]),
        },
      ],
      ['security', { json: objectText([['userId', system.get('Security@UserID')]]) }],
      ['user_data', hasUserData && userData],
      ['event_data', hasEventData && eventData],
      ['message', hasMessage && messageText(rendering.get('Message') ?? '')],
    ]) ?? '{}'
  )
}

type FieldValue = string | number | false | undefined | { readonly json: string | undefined }

/** Returns an object of the fields that are not empty, or `undefined` if all are. */
function objectText(fields: readonly (readonly [string, FieldValue])[]): string | undefined {
  const parts = fields.flatMap(([name, value]) => {
    const text = typeof value === 'object' ? value.json : valueText(value)
    return text === undefined ? [] : [`"${name}":${text}`]
  })
  return parts.length === 0 ? undefined : `{${parts.join(',')}}`
}

function valueText(value: string | number | false | undefined): string | undefined {
  if (!value) return undefined
  return typeof value === 'string' ? goJsonText(value) : String(value)
}

/** Restores Windows line ends in messages, which XML normalises. */
function messageText(text: string): string {
  return text.replace(/\r*\n/g, '\r\n')
}

/** Reads a whole number. Returns 0 if the text is not one. */
function wholeOf(text = ''): number {
  const value = /^\s*\d+\s*$/.test(text) ? Number(text) : 0
  return Number.isSafeInteger(value) ? value : 0
}
