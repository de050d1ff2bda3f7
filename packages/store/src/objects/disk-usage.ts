// Reads how full the file system of a directory is, and derives how much of it must stay free.

import { statfs } from 'node:fs/promises'
import {
  compactLevel0Bytes,
  level0DiskShare,
  minFreeBytesMax,
  minFreeShare,
  minFreeShareMax,
  reserveBytes,
  workingRoomPerLevel0,
} from '../limits.ts'

/** Use of a file system, in bytes. */
export interface DiskUsage {
  readonly totalBytes: number
  /** What this process may still write. */
  readonly freeBytes: number
  /** What all files take, the store's own included. */
  readonly takenBytes: number
}

/** Reads the use of the file system that holds a directory. @throws the system's error. */
export async function readDiskUsage(directory: string): Promise<DiskUsage> {
  const { blocks, bfree, bavail, bsize } = await statfs(directory)
  return {
    totalBytes: blocks * bsize,
    freeBytes: bavail * bsize,
    takenBytes: (blocks - bfree) * bsize,
  }
}

/** Returns the bytes at which level 0 is compacted while free space is short. */
export function level0DueBytes({ totalBytes }: DiskUsage): number {
  return Math.min(compactLevel0Bytes, Math.floor(totalBytes * level0DiskShare))
}

/**
 * Returns the bytes that retention keeps free: as configured, but never less than merges need.
 *
 * @param configured `undefined` for a share of the file system; 0 if retention must not look at the
 * free space, which returns 0.
 */
export function minFreeBytes(usage: DiskUsage, configured: number | undefined): number {
  if (configured === 0) return 0
  const { totalBytes } = usage
  const usual = Math.min(totalBytes * minFreeShare, minFreeBytesMax)
  const wanted = Math.min(configured ?? usual, totalBytes * minFreeShareMax)
  return Math.ceil(Math.max(wanted, reserveBytes + workingRoomPerLevel0 * level0DueBytes(usage)))
}
