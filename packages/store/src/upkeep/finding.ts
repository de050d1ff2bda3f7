// What a check of a directory finds, with advice.

import { formatLogqlBytes } from '@skald/go-dialect'
import type { FaultyThing, SegmentFault } from './segment-fault.ts'

/** Something that a check found. */
export interface Finding {
  /** `damage`: something is lost, or not as it must be. `note`: nothing is wrong. */
  readonly severity: 'damage' | 'note'
  /** Path in the directory, such as `segments/0000000000000012-1.seg`. */
  readonly file: string
  /** What of the file; absent if it is the whole file. */
  readonly part?: FaultyThing
  /** The place in words. */
  readonly where?: string
  readonly offsetBytes?: number
  readonly what: string
  /** What to do. */
  readonly remedy: string
}

const putBack = 'Stop the store, put the file back from a backup, and start the store.'

const remedies: Readonly<Record<FaultyThing, string>> = {
  header: `No line of the file can be read. ${putBack}`,
  trailer: `No line of the file can be read. ${putBack}`,
  footer: `Lines of the file may be missing from answers. ${putBack}`,
  block: putBack,
  filters:
    'No line is lost: searches read all blocks instead. Compaction writes new filters when it merges the file.',
  counts:
    'No line is lost: queries that count lines read them instead. Compaction counts again when it merges the file.',
}

/** Makes a finding of a fault in a segment. */
export function findingOf(name: string, fault: SegmentFault): Finding {
  const { thing, where, offsetBytes, what, lines } = fault
  const lost =
    lines === undefined ? '' : `${lines} ${lines === 1 ? 'line' : 'lines'} cannot be read. `
  return {
    severity: 'damage',
    file: `segments/${name}`,
    part: thing,
    where,
    offsetBytes,
    what,
    remedy: `${lost}${remedies[thing]}`,
  }
}

/** A segment of the catalog without a file. */
export function missingFile(name: string, sizeBytes: number): Finding {
  return {
    severity: 'damage',
    file: `segments/${name}`,
    what: `the catalog has this segment of ${formatLogqlBytes(sizeBytes)}, but the file is missing`,
    remedy: `Its lines are lost. ${putBack} It counts again then.`,
  }
}

/** A file that the system cannot read. */
export function unreadableFile(name: string, error: Error): Finding {
  return {
    severity: 'damage',
    file: `segments/${name}`,
    what: `the disk cannot read it: ${error.message}`,
    remedy: `Check the disk. ${putBack}`,
  }
}

/** A segment that differs from what the catalog says about it. */
export function differsFromCatalog(name: string, what: string): Finding {
  return {
    severity: 'damage',
    file: `segments/${name}`,
    part: 'footer',
    what,
    remedy:
      'Stop the store and run skald verify --rebuild: it makes the catalog from the segments.',
  }
}

/** A catalog with a fault of its own. */
export function faultyCatalog(file: string, what: string): Finding {
  return {
    severity: 'damage',
    file,
    what,
    remedy:
      'Stop the store and run skald verify --rebuild: it makes the catalog from the segments, and keeps the delete requests if they can be read.',
  }
}

/** Something worth knowing that is not wrong. */
export function note(file: string, what: string, remedy: string): Finding {
  return { severity: 'note', file, what, remedy }
}
