import { Type } from 'typebox'
import type { App } from '../../http/fastify.js'
import { prefixOf } from '../../http/prefix.js'
import type { Services } from '../../services.js'
import { assetLinksOf, siteAssociationOf } from './app-links.js'

const exampleApp = 'com.example.app'
const fingerprint = Array.from({ length: 32 }, (_, index) => 160 + index)
  .map((byte) => byte.toString(16).toUpperCase())
  .join(':')
const exampleAppId = `ABCDE12345.${exampleApp}`

const TextList = Type.Array(Type.String())
const AssetLinks = Type.Array(
  Type.Object({
    relation: TextList,
    target: Type.Object({
      namespace: Type.Literal('android_app'),
      package_name: Type.String(),
      sha256_cert_fingerprints: TextList,
    }),
  }),
  { examples: [assetLinksOf([`${exampleApp}=${fingerprint}`])] },
)
const SiteAssociation = Type.Object(
  {
    applinks: Type.Object({
      details: Type.Array(
        Type.Object({
          appIDs: TextList,
          components: Type.Array(Type.Object({ '/': Type.String(), '#': Type.String() })),
        }),
      ),
    }),
    webcredentials: Type.Object({ apps: TextList }),
  },
  { examples: [siteAssociationOf([exampleAppId], '')] },
)

/** Serves the Android apps that may open the links of mails. Only with ANDROID_APP_LINKS. */
export function assetLinksRoute(app: App, { config }: Services): void {
  const document = bytesOf(assetLinksOf(config.ANDROID_APP_LINKS))
  app.get(
    '/.well-known/assetlinks.json',
    {
      config: { public: true },
      schema: {
        operationId: 'readAssetLinks',
        summary: 'The Android apps of this service',
        description:
          'Only with `ANDROID_APP_LINKS`. Android reads it at the root of the host when it installs an app (Digital Asset Links).',
        tags: ['Operation'],
        response: {
          200: {
            description: 'What the apps may do for this host',
            content: { [mediaType]: { schema: Type.Unsafe<Buffer>(AssetLinks) } },
          },
        },
      },
    },
    async (_request, reply) => await reply.headers(headers).send(document),
  )
}

/** Serves the Apple apps that may open the links of mails. Only with APPLE_APP_IDS. */
export function siteAssociationRoute(app: App, { config }: Services): void {
  const document = bytesOf(siteAssociationOf(config.APPLE_APP_IDS, prefixOf(config.APP_URL)))
  app.get(
    '/.well-known/apple-app-site-association',
    {
      config: { public: true },
      schema: {
        operationId: 'readAppleAppSiteAssociation',
        summary: 'The Apple apps of this service',
        description:
          'Only with `APPLE_APP_IDS`. Apple reads it at the root of the host when a device installs an app (Associated Domains).',
        tags: ['Operation'],
        response: {
          200: {
            description: 'What the apps may do for this host',
            content: { [mediaType]: { schema: Type.Unsafe<Buffer>(SiteAssociation) } },
          },
        },
      },
    },
    async (_request, reply) => await reply.headers(headers).send(document),
  )
}

// Both platforms ask for exactly this type. The framework would add a charset to text.
const mediaType = 'application/json'
const headers = { 'content-type': mediaType, 'cache-control': 'public, max-age=600' }

function bytesOf(document: object): Buffer {
  return Buffer.from(JSON.stringify(document))
}
