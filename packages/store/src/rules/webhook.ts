// Tells one webhook that alerts begin and end: as a message for chats, or as JSON in the form of Alertmanager's webhooks.

import { labelSetToObject, labelValue } from '@skald/wire'
import { webhookWordsMax } from '../limits.ts'
import { isAllowedHost, type WebhookConfig } from '../ruler-config.ts'
import { HttpPoster, type PostAnswer, readSecret } from './http-poster.ts'
import type { Notice } from './notice.ts'

/** One webhook. */
export class Webhook {
  readonly name: string
  readonly sendsResolved: boolean
  readonly #config: WebhookConfig
  readonly #hosts: readonly string[]
  readonly #poster: HttpPoster
  /** What the webhook was told lately. */
  readonly #words = new Map<string, 'sending' | 'taken'>()

  constructor(config: WebhookConfig, hosts: readonly string[]) {
    this.name = config.name
    this.sendsResolved = config.sendsResolved
    this.#config = config
    this.#hosts = hosts
    this.#poster = new HttpPoster(config.access)
  }

  /**
   * Sends those alerts of a group that the webhook does not know and that are not under way. Returns the answer, or
   * `undefined` if there is nothing to send. Never throws: what goes wrong is in the answer.
   */
  async send(
    group: string,
    notices: readonly Notice[],
    signal: AbortSignal,
  ): Promise<PostAnswer | undefined> {
    const news = notices.filter(notice => !this.#words.has(wordOf(notice)))
    if (news.length === 0) return undefined
    for (const notice of news) this.#words.set(wordOf(notice), 'sending')
    const answer = await this.#post(group, news, signal)
    const isTaken = answer.status >= 200 && answer.status < 300
    for (const notice of news) {
      if (isTaken) this.#words.set(wordOf(notice), 'taken')
      else this.#words.delete(wordOf(notice))
    }
    for (const word of this.#words.keys()) {
      if (this.#words.size <= webhookWordsMax) break
      this.#words.delete(word)
    }
    return answer
  }

  /** Returns true if the webhook has taken an alert. */
  knows(notice: Notice): boolean {
    return this.#words.get(wordOf(notice)) === 'taken'
  }

  async #post(group: string, notices: readonly Notice[], signal: AbortSignal): Promise<PostAnswer> {
    const { kind, headers, timeoutMs } = this.#config
    let url: string
    try {
      url = this.#address()
    } catch (error) {
      return { status: -1, text: (error as Error).message, retryAfterMs: undefined }
    }
    const body = kind === 'slack' ? slackMessage(group, notices) : genericMessage(group, notices)
    return this.#poster.post({
      url,
      body: JSON.stringify(body),
      headers: { ...Object.fromEntries(headers), 'content-type': 'application/json' },
      timeoutMs,
      signal,
    })
  }

  close(): void {
    this.#poster.close()
  }

  /** A file with the address may change, so its host is checked each time. */
  #address(): string {
    const text = readSecret(this.#config.url)
    const url = URL.parse(text)
    if (!url || !/^https?:$/.test(url.protocol))
      throw new TypeError('its address is no http or https address')
    if (!isAllowedHost(url.hostname, this.#hosts))
      throw new TypeError(`the host ${url.hostname} is not in ruler.webhook_hosts`)
    return text
  }
}

function wordOf({ tenant, labels, startsMs, state }: Notice): string {
  return JSON.stringify([tenant, labels, startsMs, state])
}

const colours = { firing: 'danger', resolved: 'good' } as const

function slackMessage(group: string, notices: readonly Notice[]): object {
  const firing = notices.filter(({ state }) => state === 'firing').length
  const words = [
    firing > 0 && `${firing} firing`,
    firing < notices.length && `${notices.length - firing} resolved`,
  ]
  const text = `[${words.filter(Boolean).join(', ')}] ${group}`
  const attachments = notices.map(notice => {
    const { labels, annotations, state, link, startsMs } = notice
    const title = labelValue(annotations, 'summary') || labelValue(labels, 'alertname')
    const lines = annotations.filter(({ name }) => name !== 'summary').map(pairText)
    const shown = labels.filter(({ name }) => name !== 'alertname').map(pairText)
    return {
      color: colours[state],
      fallback: `${state}: ${plain(title)}`,
      title: `${state === 'firing' ? 'Firing' : 'Resolved'}: ${plain(title)}`,
      ...(link && { title_link: link }),
      text: [...lines, shown.join('  ')].filter(Boolean).join('\n'),
      ts: Math.floor(startsMs / 1000),
    }
  })
  return { text: plain(text), attachments }
}

function pairText({ name, value }: { readonly name: string; readonly value: string }): string {
  return `${name}: ${plain(value)}`
}

/** Slack's three special characters, so that no value becomes a link or calls people. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

function genericMessage(group: string, notices: readonly Notice[]): object {
  const isFiring = notices.some(({ state }) => state === 'firing')
  return {
    version: '4',
    receiver: 'skald',
    status: isFiring ? 'firing' : 'resolved',
    groupKey: group,
    groupLabels: {},
    commonLabels: {},
    commonAnnotations: {},
    tenant: notices[0]?.tenant ?? '',
    alerts: notices.map(({ state, labels, annotations, startsMs, endsMs, value, link }) => ({
      status: state,
      labels: labelSetToObject(labels),
      annotations: labelSetToObject(annotations),
      startsAt: new Date(startsMs).toISOString(),
      endsAt: state === 'resolved' ? new Date(endsMs).toISOString() : '0001-01-01T00:00:00Z',
      generatorURL: link,
      value,
    })),
  }
}
