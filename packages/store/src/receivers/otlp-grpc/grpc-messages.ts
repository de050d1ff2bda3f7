// gRPC on HTTP/2, as much as a call with one request and one answer needs:
//
//   message: 1 byte "is compressed" | 4 bytes length, big endian | bytes
//   status:  grpc-status and grpc-message at the end of the headers, or after the message
//
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

import type { IncomingHttpHeaders } from 'node:http2'
import { promisify } from 'node:util'
import { gunzip, inflate, zstdDecompress } from 'node:zlib'
import { encodeRetryStatus } from '@skald/wire/otlp'
import { grpcMessageCharsMax, pushBodyBytesMax, pushDecompressedBytesMax } from '../../limits.ts'

/** Codes of gRPC that this server answers with. */
export const grpcCodes = {
  ok: 0,
  invalidArgument: 3,
  permissionDenied: 7,
  resourceExhausted: 8,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const

/** Thrown when a call ends with another code than `ok`. */
export class GrpcError extends Error {
  /** One of `grpcCodes`. */
  readonly grpcCode: number
  /** When the call may be repeated. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    message: string,
    options: ErrorOptions & { readonly grpcCode: number; readonly retryAfterSeconds?: number },
  ) {
    super(message, options)
    this.name = 'GrpcError'
    this.grpcCode = options.grpcCode
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

const headBytes = 5

const unpackers = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
  zstd: promisify(zstdDecompress),
} as const

/** Encodings of messages, for the header `grpc-accept-encoding`. */
export const grpcEncodings = ['identity', ...Object.keys(unpackers)].join(',')

/** Returns whether the message of a body is compressed. */
export function isCompressed(body: Buffer): boolean {
  return body[0] === 1
}

/** Returns the message of a body. @throws GrpcError */
export async function readGrpcMessage(body: Buffer, headers: IncomingHttpHeaders): Promise<Buffer> {
  if (body.length < headBytes) throw invalid('the request has no message')
  const length = body.readUInt32BE(1)
  if (length > pushBodyBytesMax) throw tooLarge(pushBodyBytesMax)
  if (body.length !== headBytes + length) {
    throw invalid(`the message has ${body.length - headBytes} bytes, and says ${length}`)
  }
  const message = body.subarray(headBytes)
  if (body[0] === 0) return message
  const encoding = String(headers['grpc-encoding'] ?? 'identity')
  if (body[0] !== 1 || !Object.hasOwn(unpackers, encoding)) {
    throw new GrpcError(`grpc-encoding ${encoding} is not supported: use ${grpcEncodings}`, {
      grpcCode: grpcCodes.unimplemented,
    })
  }
  try {
    const options = { maxOutputLength: pushDecompressedBytesMax }
    return await unpackers[encoding as keyof typeof unpackers](message, options)
  } catch (cause) {
    const { code, message: why } = cause as NodeJS.ErrnoException
    if (code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(pushDecompressedBytesMax)
    throw invalid(`${encoding}: ${why}`, cause)
  }
}

function invalid(message: string, cause?: unknown): GrpcError {
  return new GrpcError(message, { grpcCode: grpcCodes.invalidArgument, cause })
}

/** The error for a message above a limit. */
export function tooLarge(bytesMax: number): GrpcError {
  return new GrpcError(`the message is larger than ${bytesMax} bytes`, {
    grpcCode: grpcCodes.resourceExhausted,
  })
}

/** Returns a message with its head. */
export function grpcMessage(message: Uint8Array): Buffer {
  const head = Buffer.alloc(headBytes)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** Returns the headers that tell a status. With a pause, OTLP's clients repeat the call after it. */
export function grpcStatus(
  code: number,
  message = '',
  retryAfterSeconds?: number,
): Record<string, string> {
  const status = { 'grpc-status': String(code), 'grpc-message': percentEncoded(message) }
  if (retryAfterSeconds === undefined) return status
  const shown = message.slice(0, grpcMessageCharsMax)
  const details = encodeRetryStatus(code, shown, retryAfterSeconds)
  return { ...status, 'grpc-status-details-bin': details.toString('base64') }
}

function percentEncoded(text: string): string {
  return text
    .slice(0, grpcMessageCharsMax)
    .replaceAll(/[^\x20-\x24\x26-\x7e]/gu, part => encodeURIComponent(part.toWellFormed()))
}
