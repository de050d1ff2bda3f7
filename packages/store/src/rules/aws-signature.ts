// Signs requests as AWS wants them, for Amazon's managed Prometheus. This file loads parts of the AWS SDK. Import it
// only when a server has `sigv4`.

import { defaultProvider } from '@aws-sdk/credential-provider-node'
import { AssumeRoleCommand, STSClient } from '@aws-sdk/nested-clients/sts'
import { Sha256 } from '@smithy/core/checksum'
import {
  loadConfig,
  memoize,
  NODE_REGION_CONFIG_FILE_OPTIONS,
  NODE_REGION_CONFIG_OPTIONS,
} from '@smithy/core/config'
import { SignatureV4 } from '@smithy/signature-v4'
import type { AwsCredentialIdentity } from '@smithy/types'
import { awsAnswerMs, awsCredentialsAheadMs } from '../limits.ts'
import type { SigV4Config } from '../ruler-config.ts'
import { silentSdk } from '../silent-sdk.ts'

type Credentials = () => Promise<AwsCredentialIdentity>

/** A request as the signature covers it. */
export interface UnsignedRequest {
  readonly url: URL
  readonly body: Buffer | string
  readonly headers: Readonly<Record<string, string>>
}

/** Returns the headers of a POST request together with those of its signature. @throws an error that says what is missing. */
export type Sign = (request: UnsignedRequest) => Promise<Record<string, string>>

/** Returns what signs requests to one server. Reads nothing and sends nothing before the first request. */
export function createSigner(config: SigV4Config): Sign {
  const region = memoize(regionOf(config))
  const signer = new SignatureV4({
    ...{
      service: config.service,
      region,
      sha256: Sha256,
      credentials: credentialsOf(config, region),
    },
  })
  return async ({ url, body, headers }) => {
    const signed = await signer.sign({
      ...{ method: 'POST', protocol: url.protocol, hostname: url.hostname, path: url.pathname },
      headers: { ...headers, host: url.host },
      query: Object.fromEntries(
        [...new Set(url.searchParams.keys())].map(key => [key, url.searchParams.getAll(key)]),
      ),
      body,
    })
    return signed.headers
  }
}

function regionOf({ region, profile }: SigV4Config): () => Promise<string> {
  if (region !== '') return async () => region
  const found = loadConfig(
    {
      ...NODE_REGION_CONFIG_OPTIONS,
      // An empty variable says nothing.
      environmentVariableSelector: env => env.AWS_REGION || env.AWS_DEFAULT_REGION || undefined,
    },
    { ...NODE_REGION_CONFIG_FILE_OPTIONS, ...(profile && { profile }) },
  )
  return () =>
    found().catch(() => {
      throw new Error('no region for sigv4: write sigv4.region, or set AWS_REGION')
    })
}

function credentialsOf(config: SigV4Config, region: () => Promise<string>): Credentials {
  const { accessKey, secretKey, profile, roleArn } = config
  const own: Credentials =
    accessKey !== ''
      ? async () => ({ accessKeyId: accessKey, secretAccessKey: secretKey })
      : defaultProvider({ logger: silentSdk, ...(profile && { profile }) })
  return roleArn === '' ? own : roleCredentials(config, region, own)
}

/** Returns the credentials of a role, which AWS gives for an hour. They are asked for again shortly before their end. */
function roleCredentials(
  config: SigV4Config,
  region: () => Promise<string>,
  own: Credentials,
): Credentials {
  const client = new STSClient({
    ...{ region, credentials: own, useFipsEndpoint: config.isFipsSts, logger: silentSdk },
    requestHandler: { connectionTimeout: awsAnswerMs, requestTimeout: awsAnswerMs },
  })
  const assume = async (): Promise<AwsCredentialIdentity> => {
    const { Credentials: given } = await client.send(
      new AssumeRoleCommand({
        ...{ RoleArn: config.roleArn, RoleSessionName: 'skald' },
        ...(config.externalId && { ExternalId: config.externalId }),
      }),
    )
    if (!given?.AccessKeyId || !given.SecretAccessKey)
      throw new Error(`AWS gave no credentials for the role ${config.roleArn}`)
    return {
      ...{ accessKeyId: given.AccessKeyId, secretAccessKey: given.SecretAccessKey },
      ...(given.SessionToken && { sessionToken: given.SessionToken }),
      ...(given.Expiration && { expiration: given.Expiration }),
    }
  }
  const isOver = ({ expiration }: AwsCredentialIdentity) =>
    expiration !== undefined && expiration.getTime() - Date.now() < awsCredentialsAheadMs
  return memoize(assume, isOver, ({ expiration }) => expiration !== undefined)
}
