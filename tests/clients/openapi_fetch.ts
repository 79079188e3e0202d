// A client of openapi-typescript's types, with openapi-fetch: books, moves on with PATCH, cancels.

import createClient from "openapi-fetch";
import { ADMIN, BASE, PATIENT, dayAhead, found, same } from "./check.js";
import type { components, paths } from "./generated/openapi_typescript.js";

async function signedIn(body: components["schemas"]["LoginRequest"]) {
  const { data, error } = await createClient<paths>({ baseUrl: BASE }).POST("/api/auth/login/", {
    body,
  });
  const headers = { Authorization: `Token ${found(data, error).token}` };
  return createClient<paths>({ baseUrl: BASE, headers });
}

async function book(client: Awaited<ReturnType<typeof signedIn>>) {
  const query = { page_size: 100 };
  const { data } = await client.GET("/api/doctor/slots/", { params: { query } });
  for (const slot of found(data).results) {
    const call = {
      params: { path: { doctor_id: slot.doctor } },
      body: { slot_id: slot.id, reason: "Check-up" },
    };
    const { data: visit, error } = await client.POST("/api/appointment/book/{doctor_id}/", call);
    if (visit === undefined) {
      if (error.code !== "patient_overlap") throw new Error(JSON.stringify(error));
      continue;
    }
    const again = await client.POST("/api/appointment/book/{doctor_id}/", call);
    same("the code of the second booking", again.error?.code, "already_booked");
    return visit;
  }
  throw new Error("no free slot");
}

const patient = await signedIn(PATIENT);
const visit = await book(patient);
same("the status", visit.status, "scheduled");
const path = { appointment_id: visit.id };
const canceled = await patient.POST("/api/appointment/cancel/{appointment_id}/", {
  params: { path },
  body: { reason: "A cold" },
});
same("the status", canceled.data?.status, "canceled");
const detail = await patient.GET("/api/appointment/my-appointments/{id}/", {
  params: { path: { id: visit.id } },
});
same("from_status", found(detail.data).events[0]?.from_status, null);

const entry = await patient.POST("/api/patient/medical-history/", {
  body: { kind: "allergy", description: "Pollen", status: "resolved", notes: "In spring." },
});
const { id } = found(entry.data, entry.error);
const changed = await patient.PATCH("/api/patient/medical-history/{id}/", {
  params: { path: { id } },
  body: { description: "Birch pollen" },
});
same("notes", changed.data?.notes, "In spring.");
same("status", changed.data?.status, "resolved");
await patient.DELETE("/api/patient/medical-history/{id}/", { params: { path: { id } } });

const admin = await signedIn(ADMIN);
const session = await admin.POST("/api/doctor/schedules/", {
  body: {
    doctor: found(visit.doctor.id),
    location: found(visit.location.id),
    date: dayAhead(201),
    start_time: "05:00",
    end_time: "06:00",
    capacity: 3,
    is_active: false,
  },
});
const made = found(session.data, session.error);
const patched = await admin.PATCH("/api/doctor/schedules/{id}/", {
  params: { path: { id: made.id } },
  body: { end_time: "06:30" },
});
same("capacity", patched.data?.capacity, 3);
same("is_active", patched.data?.is_active, false);
await admin.DELETE("/api/doctor/schedules/{id}/", { params: { path: { id: made.id } } });
console.log(`openapi-typescript: booked and canceled visit ${visit.id}`);
