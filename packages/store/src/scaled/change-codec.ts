// Changes of the shared catalog as JSON. Times of entries do not fit into JSON's numbers, so they are texts.

import { parseLabelSet } from '@skald/wire'
import type { CatalogPart, StreamActivity } from '../catalog/catalog.ts'
import type { AddedSegment, CatalogChange } from '../catalog/catalog-changes.ts'

/** Labels of a stream, and when it was active: both inclusive. */
type CodedStream = readonly [labelsText: string, minNs: string, maxNs: string]

interface CodedPart {
  readonly tenant: string
  readonly day: number
  readonly ns: readonly [min: string, max: string]
  readonly rows: number
  readonly bytes: number
  readonly streams: readonly CodedStream[]
}

type CodedSegment = Omit<AddedSegment, 'parts'> & { readonly parts: readonly CodedPart[] }

/** A change as the database holds it. */
export type CodedChange =
  | Exclude<CatalogChange, { kind: 'segments' | 'streams' }>
  | { readonly kind: 'streams'; readonly parts: readonly CodedPart[] }
  | {
      readonly kind: 'segments'
      readonly added: readonly CodedSegment[]
      readonly removed: readonly string[]
      readonly areFound?: boolean
    }

/** Returns the JSON of a change. */
export function encodeChange(change: CatalogChange): string {
  return JSON.stringify(coded(change))
}

function coded(change: CatalogChange): CodedChange {
  if (change.kind === 'streams') return { ...change, parts: change.parts.map(codedPart) }
  if (change.kind !== 'segments') return change
  return { ...change, added: change.added.map(codedSegment) }
}

function codedSegment({ name, level, sequence, version, sizeBytes, parts }: AddedSegment) {
  return { name, level, sequence, version, sizeBytes, parts: parts.map(codedPart) }
}

function codedPart({ tenant, day, minNs, maxNs, rowCount, lineBytes, streams }: CatalogPart) {
  return {
    ...{ tenant, day, rows: rowCount, bytes: lineBytes },
    ns: [String(minNs), String(maxNs)] as const,
    streams: streams.map(
      (stream): CodedStream => [stream.labelsText, String(stream.minNs), String(stream.maxNs)],
    ),
  }
}

/** Returns a change from its parsed JSON. */
export function decodeChange(coded: CodedChange): CatalogChange {
  if (coded.kind === 'streams') return { ...coded, parts: coded.parts.map(decodePart) }
  if (coded.kind !== 'segments') return coded
  const added = coded.added.map(segment => ({ ...segment, parts: segment.parts.map(decodePart) }))
  return { ...coded, added }
}

function decodePart({ tenant, day, ns, rows, bytes, streams }: CodedPart): CatalogPart {
  const times = { minNs: BigInt(ns[0]), maxNs: BigInt(ns[1]) }
  const totals = { rowCount: rows, lineBytes: bytes }
  return { tenant, day, ...times, ...totals, streams: streams.map(decodeStream) }
}

function decodeStream([labelsText, minNs, maxNs]: CodedStream): StreamActivity {
  return {
    labelsText,
    // Only new streams are asked for their labels.
    get labels() {
      return parseLabelSet(labelsText)
    },
    minNs: BigInt(minNs),
    maxNs: BigInt(maxNs),
  }
}
