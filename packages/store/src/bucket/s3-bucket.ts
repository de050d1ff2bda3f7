// A bucket of an S3-compatible storage. This file loads the SDK. Import it only when there is a bucket, so that a store
// without one needs neither its memory nor its time.

import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ClientConfig,
  type StorageClass,
} from '@aws-sdk/client-s3'
import type { Logger } from 'pino'
import type { BucketConfig } from '../bucket-config.ts'
import { BucketError } from '../errors.ts'
import { bucketAnswerMs, bucketConnectMs } from '../limits.ts'
import { silentSdk } from '../silent-sdk.ts'
import type { Bucket, BucketCounts, BucketObject, ObjectContent } from './bucket.ts'

export interface S3BucketParts extends BucketCounts {
  readonly config: BucketConfig
  readonly logger: Logger
}

/** Opens a bucket. Sends no request. @throws the system's error if a file of certificates cannot be read. */
export function openS3Bucket(parts: S3BucketParts): S3Bucket {
  return new S3Bucket(new S3Client(clientConfigOf(parts.config)), parts)
}

function clientConfigOf(config: BucketConfig): S3ClientConfig {
  const { region, endpoint, credentials, http } = config
  const agent = { keepAlive: true, maxSockets: http.connectionsMax, timeout: http.idleTimeoutMs }
  const tls = {
    rejectUnauthorized: !http.isUnverified,
    ...(http.caFile && { ca: readFileSync(http.caFile) }),
    ...(http.certFile && { cert: readFileSync(http.certFile) }),
    ...(http.keyFile && { key: readFileSync(http.keyFile) }),
    ...(http.serverName && { servername: http.serverName }),
  }
  return {
    ...(region && { region }),
    ...(endpoint && { endpoint }),
    ...(credentials && { credentials }),
    forcePathStyle: config.isPathStyle,
    useDualstackEndpoint: config.isDualstack && !endpoint,
    // Retries are ours: the SDK cannot repeat a stream.
    maxAttempts: 1,
    // Other servers do not know the checksums that the SDK prefers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: bucketConnectMs,
      // Of silence. A large upload may take longer.
      socketTimeout: http.answerTimeoutMs || bucketAnswerMs,
      httpAgent: agent,
      httpsAgent: { ...agent, ...tls },
    },
    logger: silentSdk,
  }
}

/** An error of the SDK. */
interface SdkError extends Error {
  readonly code?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** Errors with a status below 500 after which another try makes sense. */
const passingStatuses = new Set([408, 409, 425, 429])
const passingNames = new Set(['RequestTimeTooSkewed', 'RequestTimeout', 'SlowDown'])

/** A bucket behind the SDK's client. Open it with openS3Bucket. */
export class S3Bucket implements Bucket {
  readonly place: string
  readonly #client: S3Client
  readonly #config: BucketConfig
  readonly #logger: Logger
  readonly #onRequest: BucketCounts['onRequest']
  /** Whether the storage knows `If-None-Match` for writes. */
  #hasConditions = true

  constructor(client: S3Client, { config, logger, onRequest }: S3BucketParts) {
    this.place = `s3://${config.bucket}/${config.prefix}`
    this.#client = client
    this.#config = config
    this.#logger = logger
    this.#onRequest = onRequest
  }

  async put(key: string, content: ObjectContent, signal?: AbortSignal): Promise<void> {
    const { sizeBytes, sha256 } = await digestOf(content)
    try {
      await this.#try({ operation: 'put', key, bytes: sizeBytes, signal }, () =>
        this.#putOnce(key, content, { sizeBytes, sha256 }, signal),
      )
    } catch (error) {
      if (!(error instanceof BucketError) || error.answer !== 412) throw error
      if (await this.#has(key, { sizeBytes, sha256 })) return
      const message = `Cannot write ${this.place}${key}: another object has this name`
      throw new BucketError(message, { cause: error, answer: 412, isTaken: true })
    }
  }

  async #putOnce(
    key: string,
    content: ObjectContent,
    { sizeBytes, sha256 }: Digest,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const body = 'bytes' in content ? content.bytes : createReadStream(content.path)
    const { storageClass } = this.#config
    const command = new PutObjectCommand({
      ...this.#at(key),
      ...this.#encryption(),
      Body: body,
      ContentLength: sizeBytes,
      Metadata: { sha256 },
      ...(this.#hasConditions && { IfNoneMatch: '*' }),
      ...(storageClass && { StorageClass: storageClass as StorageClass }),
    })
    // It is known already, so that a file can be sent as a stream and is still signed as a whole.
    command.middlewareStack.add(
      next => args => {
        const { headers } = args.request as { headers: Record<string, string> }
        headers['x-amz-content-sha256'] = sha256
        return next(args)
      },
      { step: 'build', name: 'knownDigest' },
    )
    try {
      await this.#client.send(command, signal && { abortSignal: signal })
    } catch (error) {
      if ((error as SdkError).$metadata?.httpStatusCode !== 501 || !this.#hasConditions) throw error
      this.#hasConditions = false
      this.#logger.warn(
        { bucket: this.place },
        'the bucket does not support If-None-Match: nothing but the names keeps objects from being overwritten',
      )
      throw Object.assign(new Error('conditions are not supported'), { isPassing: true })
    } finally {
      if (!Buffer.isBuffer(body)) body.destroy()
    }
  }

  /** Returns true if an object is what a put would write. */
  async #has(key: string, { sizeBytes, sha256 }: Digest): Promise<boolean> {
    const head = await this.#try({ operation: 'head', key }, () =>
      this.#client.send(new HeadObjectCommand(this.#at(key))),
    )
    return head.ContentLength === sizeBytes && head.Metadata?.sha256 === sha256
  }

  async read(key: string, offsetBytes: number, length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0)
    return this.#try({ operation: 'get', key, bytes: length }, async () => {
      const range = `bytes=${offsetBytes}-${offsetBytes + length - 1}`
      const answer = await this.#client.send(
        new GetObjectCommand({ ...this.#at(key), Range: range }),
      )
      return readBody(answer.Body as Readable, length, this.#answerMs)
    })
  }

  async copy(key: string, to: string): Promise<void> {
    const { bucket, prefix } = this.#config
    await this.#try({ operation: 'copy', key }, () =>
      this.#client.send(
        new CopyObjectCommand({
          ...this.#at(to),
          ...this.#encryption(),
          CopySource: encodeURI(`${bucket}/${prefix}${key}`),
        }),
      ),
    )
  }

  async delete(key: string): Promise<void> {
    await this.#try({ operation: 'delete', key }, () =>
      this.#client.send(new DeleteObjectCommand(this.#at(key))),
    ).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
    })
  }

  async list(prefix: string, after?: string): Promise<BucketObject[]> {
    const { bucket, prefix: own } = this.#config
    const found: BucketObject[] = []
    let token: string | undefined
    do {
      const page = await this.#try({ operation: 'list', key: prefix }, () =>
        this.#client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: own + prefix,
            ...(token && { ContinuationToken: token }),
            ...(after !== undefined && { StartAfter: own + after }),
          }),
        ),
      )
      for (const { Key = '', Size = 0 } of page.Contents ?? []) {
        found.push({ key: Key.slice(own.length), sizeBytes: Size })
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined
    } while (token)
    return found
  }

  async close(): Promise<void> {
    this.#client.destroy()
  }

  get #answerMs(): number {
    return this.#config.http.answerTimeoutMs || bucketAnswerMs
  }

  #at(key: string) {
    return { Bucket: this.#config.bucket, Key: this.#config.prefix + key }
  }

  #encryption() {
    const { encryption } = this.#config
    if (!encryption) return {}
    if (encryption.kind === 's3') return { ServerSideEncryption: 'AES256' } as const
    const { keyId, context } = encryption
    return {
      ServerSideEncryption: 'aws:kms',
      ...(keyId && { SSEKMSKeyId: keyId }),
      ...(context && { SSEKMSEncryptionContext: Buffer.from(context).toString('base64') }),
    } as const
  }

  /**
   * Sends a request until it is answered, or has failed too often.
   * @throws BucketError; an error with the code ENOENT for a missing object; the signal's reason.
   */
  async #try<T>(
    { operation, key, bytes = 0, signal }: Attempt,
    send: () => Promise<T>,
  ): Promise<T> {
    const { retriesMax, minMs, maxMs } = this.#config.backoff
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted()
      try {
        const answer = await send()
        this.#onRequest(operation, 'ok', bytes)
        return answer
      } catch (error) {
        signal?.throwIfAborted()
        const { name, message, $metadata, isPassing } = error as SdkError & { isPassing?: true }
        const status = $metadata?.httpStatusCode
        this.#onRequest(operation, status === 404 || status === 412 ? 'ok' : 'failed', 0)
        if (status === 404 && name !== 'NoSuchBucket') throw missing(this.place, key, error)
        const isFinal =
          status !== undefined &&
          status >= 400 &&
          status < 500 &&
          !passingStatuses.has(status) &&
          !passingNames.has(name)
        if (!isPassing && (isFinal || attempt >= retriesMax)) {
          const why = status === undefined ? message : `${status} ${name}: ${message}`
          throw new BucketError(`Cannot ${operation} ${this.place}${key}: ${why}`, {
            cause: error,
            answer: status,
          })
        }
        const waitMs = Math.min(maxMs, minMs * 2 ** attempt)
        await sleep(waitMs * (0.5 + Math.random() / 2), undefined, signal && { signal })
      }
    }
  }
}

/** Reads a body of a known length. @throws an error when it is shorter, longer, or takes too long. */
async function readBody(body: Readable, length: number, timeoutMs: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length)
  let filled = 0
  const timer = setTimeout(() => {
    body.destroy(new Error(`${filled} of ${length} bytes came within ${timeoutMs} ms`))
  }, timeoutMs)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      if (filled + chunk.length > length) throw new Error(`more than ${length} bytes came`)
      filled += chunk.copy(buffer, filled)
    }
  } finally {
    clearTimeout(timer)
  }
  if (filled < length) throw new Error(`only ${filled} of ${length} bytes came`)
  return buffer
}

interface Attempt {
  readonly operation: string
  readonly key: string
  readonly bytes?: number
  readonly signal?: AbortSignal | undefined
}

/** Like the system's error for a missing file, so that queries plan again. */
function missing(place: string, key: string, cause: unknown): Error {
  return Object.assign(new Error(`ENOENT: no object ${place}${key}`, { cause }), {
    code: 'ENOENT',
    path: key,
  })
}

interface Digest {
  readonly sizeBytes: number
  /** Hexadecimal. */
  readonly sha256: string
}

async function digestOf(content: ObjectContent): Promise<Digest> {
  const digest = createHash('sha256')
  if ('bytes' in content) {
    const sha256 = digest.update(content.bytes).digest('hex')
    return { sizeBytes: content.bytes.length, sha256 }
  }
  const { size: sizeBytes } = await stat(content.path)
  for await (const chunk of createReadStream(content.path, { highWaterMark: 1024 * 1024 })) {
    digest.update(chunk as Buffer)
  }
  return { sizeBytes, sha256: digest.digest('hex') }
}
