// The functions of the agent's template and replace stages: those of sprig and Promtail. To add one, add a
// row in functions/, and a test. Functions that read the environment are created from a given one.

import { FunctionError } from '../errors.ts'
import { type FunctionTable, fn } from './function.ts'
import { defaultFunctions, moreDefaultFunctions } from './functions/default.ts'
import { dictionaryFunctions } from './functions/dictionary.ts'
import { encodingFunctions, moreEncodingFunctions } from './functions/encoding.ts'
import { hashFunctions, randomFunctions } from './functions/hash.ts'
import { jsonFunctions, moreJsonFunctions } from './functions/json.ts'
import { listFunctions } from './functions/list.ts'
import { moreNumberFunctions, numberFunctions } from './functions/number.ts'
import { pathFunctions } from './functions/path.ts'
import { reflectionFunctions } from './functions/reflection.ts'
import { moreRegexFunctions, regexFunctions } from './functions/regex.ts'
import { semanticVersionFunctions } from './functions/semantic-version.ts'
import { goTextFunctions, moreTextFunctions, textFunctions } from './functions/text.ts'
import { moreTimeFunctions, timeFunctions } from './functions/time.ts'
import { urlFunctions } from './functions/url.ts'
import { wordFormFunctions } from './functions/word-forms.ts'
import type { TemplateFunction } from './values.ts'

export { createEnvironmentFunctions } from './functions/environment.ts'

const noEnvironment = 'a template may not read the environment or the network'
const noKeys = 'a template may not make keys, certificates or passwords'

export const promtailFunctions: FunctionTable = {
  ...textFunctions,
  ...goTextFunctions,
  ...moreTextFunctions,
  ...wordFormFunctions,
  ...numberFunctions,
  ...moreNumberFunctions,
  ...timeFunctions,
  ...moreTimeFunctions,
  ...regexFunctions,
  ...moreRegexFunctions,
  ...encodingFunctions,
  ...moreEncodingFunctions,
  ...jsonFunctions,
  ...moreJsonFunctions,
  ...defaultFunctions,
  ...moreDefaultFunctions,
  ...listFunctions,
  ...dictionaryFunctions,
  ...reflectionFunctions,
  ...pathFunctions,
  ...urlFunctions,
  ...semanticVersionFunctions,
  ...hashFunctions,
  ...randomFunctions,
  hello: fn([], () => 'Hello!'),
  fail: fn(['string'], message => {
    throw new FunctionError(message)
  }),
  ...refused(noEnvironment, ['env', 'expandenv', 'getHostByName']),
  ...refused(noKeys, [
    'bcrypt',
    'htpasswd',
    'derivePassword',
    'genPrivateKey',
    'buildCustomCert',
    'genCA',
    'genCAWithKey',
    'genSelfSignedCert',
    'genSelfSignedCertWithKey',
    'genSignedCert',
    'genSignedCertWithKey',
    'encryptAES',
    'decryptAES',
    'randBytes',
  ]),
}

function refused(refusal: string, names: readonly string[]): FunctionTable {
  const row: TemplateFunction = {
    params: [],
    rest: 'any',
    refusal,
    call: () => {
      throw new FunctionError(refusal)
    },
  }
  return Object.fromEntries(names.map(name => [name, row]))
}
