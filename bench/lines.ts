// The four kinds of lines that fill most clusters: JSON, logfmt, nginx access logs and Java. Ids,
// addresses, durations and sizes are random and the words around them are not, because that ratio
// decides how well the lines compress.

import type { ByteWriter } from './byte-writer.ts'
import type { Random } from './random.ts'

/** The time of one line in the formats that the kinds print. */
export interface LineTime {
  /** `2026-01-15T10:20:30` */
  readonly iso: string
  /** `2026-01-15 10:20:30` */
  readonly spaced: string
  /** `15/Jan/2026:10:20:30 +0000` */
  readonly clf: string
  readonly ms: number
  readonly us: number
}

export type LineKind = 'json' | 'logfmt' | 'nginx' | 'java'

type WriteLine = (out: ByteWriter, random: Random, time: LineTime) => void

type Level = 'debug' | 'info' | 'warn' | 'error'

function drawLevel(random: Random): Level {
  const x = random.fraction()
  if (x < 0.06) return 'debug'
  if (x < 0.92) return 'info'
  return x < 0.975 ? 'warn' : 'error'
}

function writeHex(out: ByteWriter, random: Random, words: number): void {
  for (let i = 0; i < words; i++) out.hex32(random.uint32())
}

function writeUuid(out: ByteWriter, random: Random): void {
  const low = random.uint32()
  const high = random.uint32()
  out.hex32(random.uint32()).byte(45)
  // Version 4, variant 1: the two fixed half bytes of a random uuid.
  const middle = ((low & 0xffff0fff) | 0x4000) >>> 0
  const variant = ((high & 0x3fffffff) | 0x80000000) >>> 0
  writeHex16(out, middle >>> 16)
  out.byte(45)
  writeHex16(out, middle & 0xffff)
  out.byte(45)
  writeHex16(out, variant >>> 16)
  out.byte(45)
  writeHex16(out, variant & 0xffff)
  out.hex32(random.uint32())
}

function writeHex16(out: ByteWriter, value: number): void {
  out.hex32(value)
  // The upper half is zeros, so keep the lower four digits.
  out.bytes.copyWithin(out.length - 8, out.length - 4, out.length)
  out.length -= 4
}

function writeIp(out: ByteWriter, random: Random): void {
  out.decimal(random.between(11, 222)).byte(46).decimal(random.below(256)).byte(46)
  out.decimal(random.below(256)).byte(46).decimal(random.between(1, 254))
}

function writeDecimalMs(out: ByteWriter, random: Random): void {
  const x = random.fraction()
  out
    .decimal(Math.floor(x * x * 400))
    .byte(46)
    .padded(random.below(1000), 3)
}

const methods = ['GET', 'GET', 'GET', 'POST', 'PUT', 'DELETE']
const routes = [
  '/api/v1/orders/',
  '/api/v1/products/',
  '/api/v1/carts/',
  '/api/v1/users/',
  '/api/v1/payments/',
  '/api/v1/search/',
  '/api/v2/recommendations/',
  '/api/v2/inventory/',
  '/internal/health/',
]
const statuses = [200, 200, 200, 200, 200, 201, 204, 304, 400, 404, 404, 429, 500, 503]

const jsonMessages: Readonly<Record<Level, readonly string[]>> = {
  debug: ['cache lookup', 'feature flags evaluated', 'connection reused from pool'],
  info: ['request completed', 'request completed', 'order accepted', 'message published'],
  warn: ['slow query', 'retrying upstream call', 'rate limit is near'],
  error: ['upstream call failed: connection reset by peer', 'payment declined: insufficient funds'],
}
const loggers = ['http.server', 'orders.service', 'kafka.producer', 'db.pool', 'auth.middleware']

function writeJson(out: ByteWriter, random: Random, time: LineTime): void {
  const level = drawLevel(random)
  out.ascii('{"time":"').ascii(time.iso).byte(46).padded(time.ms, 3).ascii('Z","level":"')
  out.ascii(level).ascii('","logger":"').ascii(random.skewed(loggers)).ascii('","msg":"')
  out.ascii(random.skewed(jsonMessages[level])).ascii('","method":"').ascii(random.pick(methods))
  out.ascii('","path":"').ascii(random.skewed(routes)).decimal(random.below(1_000_000))
  out.ascii('","status":').decimal(random.skewed(statuses)).ascii(',"duration_ms":')
  writeDecimalMs(out, random)
  out.ascii(',"bytes":').decimal(random.below(48_000)).ascii(',"trace_id":"')
  writeHex(out, random, 4)
  out.ascii('","span_id":"')
  writeHex(out, random, 2)
  out.ascii('","user_id":').decimal(random.between(100_000, 999_999)).ascii(',"client_ip":"')
  writeIp(out, random)
  out.ascii('"}')
}

const callers = ['handler.go:118', 'worker.go:87', 'queue.go:241', 'store.go:563', 'lease.go:35']
const logfmtMessages: Readonly<Record<Level, readonly string[]>> = {
  debug: ['heartbeat sent', 'lease renewed', 'snapshot skipped'],
  info: ['job finished', 'job started', 'batch flushed', 'checkpoint written'],
  warn: ['queue is filling up', 'job took longer than its deadline'],
  error: ['job failed after retries', 'cannot reach the scheduler'],
}
const components = ['scheduler', 'executor', 'shipper', 'reconciler']

function writeLogfmt(out: ByteWriter, random: Random, time: LineTime): void {
  const level = drawLevel(random)
  out.ascii('ts=').ascii(time.iso).byte(46).padded(time.ms, 3).padded(time.us, 3)
  out.ascii('Z level=').ascii(level).ascii(' caller=').ascii(random.skewed(callers))
  out.ascii(' component=').ascii(random.skewed(components)).ascii(' msg="')
  out.ascii(random.skewed(logfmtMessages[level])).ascii('" job_id=')
  writeUuid(out, random)
  out.ascii(' attempt=').decimal(random.between(1, 3)).ascii(' queue_depth=')
  out.decimal(random.below(5000)).ascii(' duration=')
  writeDecimalMs(out, random)
  out.ascii('ms rows=').decimal(random.below(20_000)).ascii(' peer=')
  writeIp(out, random)
  out.byte(58).decimal(random.between(32_768, 60_999))
}

const pages = [
  '/',
  '/products/',
  '/static/js/app.6f2c1d.js?v=',
  '/static/css/site.91ab03.css?v=',
  '/images/p/',
  '/checkout/',
  '/search?q=shoes&page=',
  '/account/orders/',
]
const referrers = ['-', 'https://shop.example.com/', 'https://www.google.com/']
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
  'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0',
  'kube-probe/1.31',
  'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
]

function writeNginx(out: ByteWriter, random: Random, time: LineTime): void {
  const seconds = random.fraction()
  const status = random.skewed(statuses)
  const bytes = random.below(90_000)
  const spent = Math.floor(seconds * seconds * seconds * 3000)
  writeIp(out, random)
  out.ascii(' - - [').ascii(time.clf).ascii('] "').ascii(random.pick(methods)).byte(32)
  out.ascii(random.skewed(pages)).decimal(random.below(100_000)).ascii(' HTTP/1.1" ')
  out.decimal(status).byte(32).decimal(bytes).ascii(' "').ascii(random.skewed(referrers))
  out.ascii('" "').ascii(random.skewed(agents)).ascii('" ').decimal(random.between(300, 2400))
  out
    .byte(32)
    .decimal(Math.floor(spent / 1000))
    .byte(46)
    .padded(spent, 3)
  out.ascii(' [shop-web-8080] [] 10.42.').decimal(random.below(12)).byte(46)
  out.decimal(random.below(40)).ascii(':8080 ').decimal(bytes).byte(32)
  out
    .decimal(Math.floor(spent / 1000))
    .byte(46)
    .padded(spent, 3)
    .byte(32)
    .decimal(status)
    .byte(32)
  writeHex(out, random, 4)
}

const classes = [
  'c.e.shop.order.OrderService',
  'c.e.shop.order.OrderRepository',
  'c.e.shop.billing.InvoiceJob',
  'o.s.web.servlet.DispatcherServlet',
  'o.a.k.clients.consumer.KafkaConsumer',
]
const frames = [
  'com.example.shop.order.OrderService.place(OrderService.java:',
  'com.example.shop.order.OrderController.create(OrderController.java:',
  'com.example.shop.billing.InvoiceJob.run(InvoiceJob.java:',
  'com.zaxxer.hikari.pool.HikariPool.getConnection(HikariPool.java:',
  'org.hibernate.internal.SessionImpl.persist(SessionImpl.java:',
  'org.springframework.aop.framework.ReflectiveMethodInvocation.proceed(ReflectiveMethodInvocation.java:',
  'org.springframework.web.method.support.InvocableHandlerMethod.doInvoke(InvocableHandlerMethod.java:',
  'org.apache.catalina.core.ApplicationFilterChain.doFilter(ApplicationFilterChain.java:',
  'org.apache.tomcat.util.net.NioEndpoint$SocketProcessor.doRun(NioEndpoint.java:',
  'java.base/java.lang.Thread.run(Thread.java:',
]
const exceptions = [
  'java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms',
  'java.lang.IllegalStateException: Order is already settled',
  'java.net.SocketTimeoutException: Read timed out',
]

function writeJava(out: ByteWriter, random: Random, time: LineTime): void {
  const level = drawLevel(random)
  out.ascii(time.spaced).byte(44).padded(time.ms, 3).byte(32)
  out.ascii(level.toUpperCase().padEnd(5)).ascii(' [http-nio-8080-exec-')
  out.decimal(random.between(1, 40)).ascii('] ').ascii(random.skewed(classes)).ascii(' [')
  writeHex(out, random, 4)
  out.byte(44)
  writeHex(out, random, 2)
  out.ascii('] - ')
  if (level === 'error') {
    out.ascii('Request failed for order ')
    writeUuid(out, random)
    writeStackTrace(out, random)
    return
  }
  out.ascii('Order ')
  writeUuid(out, random)
  out.ascii(' of customer ').decimal(random.between(10_000, 9_999_999)).ascii(' moved to state ')
  out.ascii(random.pick(['NEW', 'PAID', 'PACKED', 'SHIPPED'])).ascii(' in ')
  out.decimal(random.below(900)).ascii(' ms')
}

function writeStackTrace(out: ByteWriter, random: Random): void {
  out.byte(10).ascii(random.skewed(exceptions))
  const depth = random.between(8, 24)
  for (let i = 0; i < depth; i++) {
    out.ascii('\n\tat ').ascii(random.pick(frames)).decimal(random.between(20, 900)).byte(41)
  }
}

/** Writes one line of each kind, without a line ending. */
export const lineKinds: Readonly<Record<LineKind, WriteLine>> = {
  json: writeJson,
  logfmt: writeLogfmt,
  nginx: writeNginx,
  java: writeJava,
}
