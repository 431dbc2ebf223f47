import { Type } from 'typebox'
import { SecretFile } from './setting-types.js'

// Without characters that have a special meaning in a list of addresses (RFC 5322 §3.4).
const mailAddress = '[^<>@\\s\\p{C},;:()\\[\\]\\\\"]+@[^<>@\\s\\p{C},;:()\\[\\]\\\\"]+'
// The application ID of an Android app: two or more segments, each begins with a letter.
const packageName = '[A-Za-z][A-Za-z0-9_]*(\\.[A-Za-z][A-Za-z0-9_]*)+'

/** The settings of mails, and of the links in them. */
export const MailSettings = {
  APP_URL: Type.String({
    maxLength: 500,
    description:
      'An http or https URL without query, fragment or trailing slash, of up to 500 characters. The base of the links in mails: your front end with pages such as /password/reset, or this API. Default: PUBLIC_URL.',
  }),
  ANDROID_APP_LINKS: Type.Array(
    Type.String({ pattern: `^${packageName}=[0-9A-F]{2}(:[0-9A-F]{2}){31}$` }),
    {
      default: [],
      description:
        'Entries <package name>=<SHA-256 fingerprint of the signing certificate>, separated by commas, such as com.example.app=14:6D:E9:…:44 with 32 pairs of upper-case hexadecimal digits. One entry for each certificate. The Android apps that may open the links of mails and fill in passwords, at /.well-known/assetlinks.json; docs/mobile.md.',
    },
  ),
  APPLE_APP_IDS: Type.Array(
    Type.String({ pattern: '^[A-Z0-9]{10}(\\.[A-Za-z0-9-]+)+$', maxLength: 200 }),
    {
      default: [],
      description:
        'Entries <Team ID>.<bundle ID>, separated by commas, such as ABCDE12345.com.example.app. The Apple apps that may open the links of mails and fill in passwords, at /.well-known/apple-app-site-association; docs/mobile.md.',
    },
  ),
  SMTP_URL: Type.String({
    default: '',
    description:
      'smtp://<user>:<password>@<host>:<port> or smtps://. The mail server. A password is sent with TLS only, except to this machine or with ?requireTLS=false; docs/deploy.md lists the parameters. Without SMTP_URL, mails are written to data/outbox/*.eml.',
  }),
  SMTP_URL_FILE: SecretFile('SMTP_URL'),
  MAIL_FROM: Type.String({
    pattern: `^[^<>\\p{C}]*<${mailAddress}>$|^${mailAddress}$`,
    default: 'Latchkey <no-reply@localhost>',
    description:
      'Name <address>, or an address. The sender of mails. The name may have any characters except < and >.',
  }),
}
