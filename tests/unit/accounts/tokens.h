/* Public keys and tokens that were signed once with their private halves, which nobody
 * has kept: for the tests of web tokens and their fuzz target. All tokens hold the same
 * claims, good at JWT_NOW. */
#ifndef TESTS_JWT_TOKENS_H
#define TESTS_JWT_TOKENS_H

#define JWT_NOW      INT64_C(1558000000) /* seconds */
#define JWT_ISSUER   "https://lms.example/oauth2"
#define JWT_AUDIENCE "lms-key"
#define JWT_SECRET   "a shared secret of more than 32 bytes"

/* Of a token that is signed with the secret. */
#define JWT_HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define JWT_TIMES  "\"iat\":1557999940,\"exp\":1558000600"
#define JWT_CLAIMS \
    "{" JWT_TIMES ",\"iss\":\"" JWT_ISSUER "\",\"aud\":\"" JWT_AUDIENCE \
    "\",\"preferred_username\":\"ada\",\"version\":\"1.2.0\"}"

/* The modulus of the key rsa-512; its public exponent is AQAB. */
#define JWT_RSA_512_N \
    "uGqOSR2xp5hESCyvh_zDvYYV20d97-kVK3fKEEtMAqhIPevFWWAcDTIOPPZ5bXyCnxJRAgQs4pjg" \
    "9SetDR0guGBwwUqVkNxa6-V2hfVZLac8_FobRacxIvmgwDmXt9DUx_afzCr5WETY2UDwnWH9y5MO" \
    "7ytUR0nKNjcq0PIHdaW6jdYbno5msqcwSQWUAb_LGNSkE2ujKFI01AOiHFMoUG1ZXUXpLH_sHtGv" \
    "KCoeen0ZvXLY5wwjT_eO8_BhebDiH2uPHz8I3anm8ADh0ux0bEjpkY3E570r7aW8zNCan1MkCG3o" \
    "QLPVYmnqEhQeEtAGYSdNqkIFlWKHWCk54p3ceQ"

#define JWT_RSA_256_N \
    "84fdYbnm8LOLARhb1Uo2N-4DFTYHYCGyKg20QXblHNBtKrRlRnmo1UT-GkSvf4tMs4ckXxO4xLoQ" \
    "CEdPjsrOG7kZxZEGXm4rG-Yz1-7P4Yn7J1t3LLoC9W1Rckv_Mnlaoj1dyH52GEsD_ntK5B1s5HRy" \
    "UcgSKpLCJLVeLQEaiATD2gKmIGOoYp8kyKepSlM_vhl9zLCaTlJ49_aYwnFCq099CrwB5hYtCIDJ" \
    "-EvzKAUPfvuvsYXf7vBX10uydcliU216MOIr8n9KkBheAJzzBwdBk5H9tUkc0rB1VakZfQzDRYvi" \
    "f19C9Wf5UkHkGN3LtnhAMv1M3byw4lMvBzcH2w"

/* Of 1024 bits only. */
#define JWT_RSA_WEAK_N \
    "q12lwwE4KLFK-r8v9JoZQ7iYvrF7mrOcUQZEnLgzko8LJ6ghgByj1E6Fhjg_nXqk9Ew3YzYwOG_n" \
    "-2lYwxZKUUw7isb3tYAu-eyEZMyBx-bJQgoUdDF3izDS8xVc_O-d-h8E7hd012gylkmwRiDwUAVf" \
    "JTn19tHqI94nNNFqbz0"

#define JWT_P256_X "0RhOrktVRAW9Tp-5MoMWqR2B-GC0uG88Y3qW5wLiB9o"

#define JWT_P256_Y "ki-uC11OPD7TyxGLoqNvn3-JwqzTDXTr--h5Gkm9z54"

/* The key rsa-512 as text, which a forger takes for a shared secret. */
#define JWT_PUBLIC_PEM \
    "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuGqO" \
    "SR2xp5hESCyvh/zD\nvYYV20d97+kVK3fKEEtMAqhIPevFWWAcDTIOPPZ5bXyCnxJRAgQs4pjg9S" \
    "etDR0g\nuGBwwUqVkNxa6+V2hfVZLac8/FobRacxIvmgwDmXt9DUx/afzCr5WETY2UDwnWH9\ny5" \
    "MO7ytUR0nKNjcq0PIHdaW6jdYbno5msqcwSQWUAb/LGNSkE2ujKFI01AOiHFMo\nUG1ZXUXpLH/s" \
    "HtGvKCoeen0ZvXLY5wwjT/eO8/BhebDiH2uPHz8I3anm8ADh0ux0\nbEjpkY3E570r7aW8zNCan1" \
    "MkCG3oQLPVYmnqEhQeEtAGYSdNqkIFlWKHWCk54p3c\neQIDAQAB\n-----END PUBLIC KEY---" \
    "--\n"

#define JWT_TOKEN_RS512 \
    "eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYS01MTIiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwc" \
    "zovL2xtcy5leGFtcGxlL29hdXRoMiIsImF1ZCI6Imxtcy1rZXkiLCJpYXQiOjE1NTc5OTk5NDAsI" \
    "mV4cCI6MTU1ODAwMDYwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhIiwidmVyc2lvbiI6IjEuM" \
    "i4wIn0.nVs4GevcLc4WhOceRVqVbAmn2fa6wNbEfXZlqX0AoQ984wNN6TkMI_hjZNeRJUbQGSw2k" \
    "Zb0jf6VxK2wxAM0wa3ZMbLvXNzOPW6DwJFgskqBC3brjjCmjDj_UJ3PeJ59YFDvPRAl2QSUUjq2N" \
    "KKFwMrEiOYytwE9kr5Y4GbgN3AUm74LlLNCP3EaHdUp0c5z7LQ5UztlZ6b3kh955_5M-vdjlbybR" \
    "Z8-bEpUWrI6XYtaREzBOGj4fcwGJlb9cw2j2-QWZ-LJikuE5bcJjMZgfpIDViI-YD7dP4sADT4FZ" \
    "_YRJ2WvaeyhGA7t7ufWM1MWQTd0_i2mbC8WDMuc3ckwjA"

#define JWT_TOKEN_RS256 \
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS0yNTYiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwc" \
    "zovL2xtcy5leGFtcGxlL29hdXRoMiIsImF1ZCI6Imxtcy1rZXkiLCJpYXQiOjE1NTc5OTk5NDAsI" \
    "mV4cCI6MTU1ODAwMDYwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhIiwidmVyc2lvbiI6IjEuM" \
    "i4wIn0.ORALwk1PFyUBnM9cE_PSFULEb05rCBjW8dMe5wJVTi9CD3jAnQEPsdho2lnUTHHQeUB2z" \
    "wSF2JgeZu9Pdc3ws6klCsrc602Mj7hoQMg8y2enRrtgG1qnuvkIjwVswq8GJ03ZkGIaEGLe2weTa" \
    "adkqxkhlmnmnksJlpLpJRoV56Au_VDVzlMaEDP9YYj2VTRcIyDi5ZnEI6BBpAzsRgL0EUPOgTzfH" \
    "I1DrdOKRpBzry5_K0Uzell-TOhcTSfSqGNq2RW8Y3VynGmdwY-9xL34JmyzOApsXHaxH0EFcQIFt" \
    "UgR7Qvorgsbs-2D6FTpvQPWexSYWSLDQb5WAz_rTu7prA"

#define JWT_TOKEN_ES256 \
    "eyJhbGciOiJFUzI1NiIsImtpZCI6InAtMjU2IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczov" \
    "L2xtcy5leGFtcGxlL29hdXRoMiIsImF1ZCI6Imxtcy1rZXkiLCJpYXQiOjE1NTc5OTk5NDAsImV4" \
    "cCI6MTU1ODAwMDYwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhIiwidmVyc2lvbiI6IjEuMi4w" \
    "In0.HxBly0AMjUCAyIZ8U4-1zH-iax96LVoaiZQWxEFhjJB8zFf-e_8TVeF0i_EU8DBsQ_EKc7AS" \
    "CmBQzIKE0vrncA"

/* A right signature of the key rsa-512, by an algorithm that is not its own. */
#define JWT_TOKEN_RS256_BY_512 \
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYS01MTIiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwc" \
    "zovL2xtcy5leGFtcGxlL29hdXRoMiIsImF1ZCI6Imxtcy1rZXkiLCJpYXQiOjE1NTc5OTk5NDAsI" \
    "mV4cCI6MTU1ODAwMDYwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhIiwidmVyc2lvbiI6IjEuM" \
    "i4wIn0.rX8z-aSFoIH7oQiplzvwiPDSHBJgrm9kPvF4M8id2E1o8HaRT3vj-tBhlyF_0CYzkhgQW" \
    "rJqZv7wS3Oh57K0Rm1BF55Y6ryXXlBF9CbZckzsAsBGf0cwEjx1F52Idf2Ox5fFT4vS-wy4WUGRU" \
    "uK9pwpZz8HTpOlDB1sDNfw9m2EYl3Lc4G-qx7JMVl3FeCXd3BZppSSONzQYg8R4wqtqcBpq9TTVo" \
    "UXvnbZa5Xwbd3mwpqYuPID-5KGmwRayVDjgT0GPOAIGlE14Tua4a5q7faxSeg_F5DYChyNbpQlcC" \
    "COnpP_WOgw9a5cSSliNuefqOyKEPTBXYtSUdcQAmO6-lQ"

/* A right signature of the key rsa-512, under the name of the other. */
#define JWT_TOKEN_RS512_OTHER_KID \
    "eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYS0yNTYiLCJ0eXAiOiJKV1QifQ.eyJpc3MiOiJodHRwc" \
    "zovL2xtcy5leGFtcGxlL29hdXRoMiIsImF1ZCI6Imxtcy1rZXkiLCJpYXQiOjE1NTc5OTk5NDAsI" \
    "mV4cCI6MTU1ODAwMDYwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhIiwidmVyc2lvbiI6IjEuM" \
    "i4wIn0.KBEcJKjbhELuAlJEYR16-tGb-lGv7e-wXjYXHYSABMIg75ekRH1jnaIZWbokAs-GZA9-Z" \
    "4I-865wo8kcJHFxIx5m1HK9LQ20epXbsuj2sL4IQamddjuxQ-0UN4O4lrWNF98R1AzLiSrc6QSpc" \
    "FJYKpOXGQKk2VjSvg3IqLON34KcsuIYT790UaaEhv9tZEE8PYcNlYNc2p86DOyWYLvo51NLL-fYv" \
    "gdsprIb3slMGcEO0GYXAv3xo6ygSK0W8wtNI9pbG9PJwcZig2lBF8If3Tr3B9aoeLqb2_EfKMIcw" \
    "LEwbb7iwTYlLkeod3SZYfC3agpm869xeP88ua2s3EhJJg"

/* P-256 with an algorithm that is for P-521. */
#define JWT_TOKEN_ES512 \
    "eyJhbGciOiJFUzUxMiIsImtpZCI6InAtMjU2IiwidHlwIjoiSldUIn0.eyJpc3MiOiJodHRwczov" \
    "L2xtcy5leGFtcGxlL29hdXRoMiIsImF1ZCI6Imxtcy1rZXkiLCJpYXQiOjE1NTc5OTk5NDAsImV4" \
    "cCI6MTU1ODAwMDYwMCwicHJlZmVycmVkX3VzZXJuYW1lIjoiYWRhIiwidmVyc2lvbiI6IjEuMi4w" \
    "In0.w_WLtcevlEC9UW8CnQ4XBVTR6gAA0w5A3eQ2hvDvltQ_9ag4tM5QIg0jLmf6SirK2f1f3bbz" \
    "fm2SUKZmXPhIYg"

/* The first of them as edX publishes it: without `alg`. */
#define JWT_OPEN_KEY_SET \
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"rsa-512\",\"e\":\"AQAB\",\"n\":\"" JWT_RSA_512_N "\"}]}"

#define JWT_KEY_SET \
    "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"rsa-512\",\"alg\":\"RS512\",\"e\":\"AQAB\",\"n\":\"" \
    JWT_RSA_512_N "\"}," \
    "{\"kty\":\"RSA\",\"kid\":\"rsa-256\",\"alg\":\"RS256\",\"e\":\"AQAB\",\"n\":\"" JWT_RSA_256_N \
    "\"}," \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"p-256\",\"x\":\"" JWT_P256_X \
    "\",\"y\":\"" JWT_P256_Y "\"}]}"

#endif
