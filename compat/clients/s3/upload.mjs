// Uploads one file with somebody else's S3 client and prints what came of it as one JSON line.
//
//   node upload.mjs WAY ENDPOINT GRANT_JSON KEY FILE
//
// WAY: aws-put, aws-stream (a body of unknown origin, so chunked with a trailer), aws-<checksum>, aws-multipart,
// aws-probes, aws-refused, minio-put, minio-multipart. Ends with 1 on an error, which it prints as {"error": code}.
import { createReadStream, readFileSync, statSync } from "node:fs";
import {
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import * as Minio from "minio";

const [way, endpoint, grantText, Key, file] = process.argv.slice(2);
const grant = JSON.parse(grantText);
const Bucket = grant.bucket;

function awsClient(options = {}) {
  return new S3Client({
    endpoint,
    region: grant.region,
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: grant.access_key_id,
      secretAccessKey: grant.access_key_secret,
      sessionToken: grant.security_token,
    },
    ...options,
  });
}

function minioClient() {
  const url = new URL(endpoint);
  return new Minio.Client({
    endPoint: url.hostname,
    port: Number(url.port),
    useSSL: false,
    accessKey: grant.access_key_id,
    secretKey: grant.access_key_secret,
    sessionToken: grant.security_token,
    partSize: 5 * 1024 * 1024,
  });
}

async function code(command) {
  try {
    await awsClient().send(command);
    return "ok";
  } catch (error) {
    return error.name === "Unknown" || error.name === "UnknownError" ? error.$metadata.httpStatusCode : error.name;
  }
}

const ways = {
  "aws-put": async () => awsClient().send(new PutObjectCommand({ Bucket, Key, Body: readFileSync(file) })),
  "aws-stream": async () =>
    awsClient().send(
      new PutObjectCommand({ Bucket, Key, Body: createReadStream(file), ContentLength: statSync(file).size }),
    ),
  "aws-when-required": async () =>
    awsClient({ requestChecksumCalculation: "WHEN_REQUIRED" }).send(
      new PutObjectCommand({ Bucket, Key, Body: readFileSync(file) }),
    ),
  "aws-multipart": async () =>
    new Upload({
      client: awsClient(),
      params: { Bucket, Key, Body: createReadStream(file), ContentType: "video/mp4" },
      partSize: 5 * 1024 * 1024,
      queueSize: 4,
    }).done(),
  "aws-probes": async () => ({
    bucket: await code(new HeadBucketCommand({ Bucket })),
    location: await code(new GetBucketLocationCommand({ Bucket })),
    uploads: await code(new ListMultipartUploadsCommand({ Bucket })),
    missing: await code(new HeadObjectCommand({ Bucket, Key })),
  }),
  "aws-refused": async () => ({
    read: await code(new GetObjectCommand({ Bucket, Key })),
    remove: await code(new DeleteObjectCommand({ Bucket, Key })),
    list: await code(new ListObjectsV2Command({ Bucket })),
    elsewhere: await code(new PutObjectCommand({ Bucket, Key: "elsewhere/x/y", Body: "x" })),
  }),
  "minio-put": async () => minioClient().putObject(Bucket, Key, readFileSync(file)),
  "minio-multipart": async () => minioClient().fPutObject(Bucket, Key, file, { "Content-Type": "video/mp4" }),
};
for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
  ways[`aws-${ChecksumAlgorithm}`] = async () =>
    awsClient().send(new PutObjectCommand({ Bucket, Key, Body: readFileSync(file), ChecksumAlgorithm }));
}

try {
  const done = await ways[way]();
  console.log(JSON.stringify(done, (name, value) => (name === "$metadata" ? undefined : value)));
} catch (error) {
  console.log(JSON.stringify({ error: error.name ?? error.code, message: String(error.message) }));
  process.exitCode = 1;
}
