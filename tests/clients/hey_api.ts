// hey-api's client: books, changes one member by PATCH, cancels.

import { ADMIN, BASE, PATIENT, dayAhead, found, same } from "./check.js";
import { client } from "./generated/hey_api/client.gen.js";
import * as api from "./generated/hey_api/sdk.gen.js";

async function signIn(body: typeof PATIENT): Promise<void> {
  client.setConfig({ baseUrl: BASE });
  const { data, error } = await api.authLogin({ body });
  client.setConfig({ auth: `Token ${found(data, error).token}` });
}

async function book() {
  const { data } = await api.doctorSlotsSearch({ query: { page_size: 100 } });
  for (const slot of found(data).results) {
    const call = {
      path: { doctor_id: slot.doctor },
      body: { slot_id: slot.id, reason: "Check-up" },
    };
    const { data: visit, error } = await api.appointmentBook(call);
    if (visit === undefined) {
      if (error.code !== "patient_overlap") throw new Error(JSON.stringify(error));
      continue;
    }
    const again = await api.appointmentBook(call);
    same("the code of the second booking", again.error?.code, "already_booked");
    return visit;
  }
  throw new Error("no free slot");
}

await signIn(PATIENT);
const visit = await book();
same("the status", visit.status, "scheduled");
const canceled = await api.appointmentCancel({
  path: { appointment_id: visit.id },
  body: { reason: "A cold" },
});
same("the status", canceled.data?.status, "canceled");
const detail = await api.appointmentMyAppointmentsRetrieve({ path: { id: visit.id } });
same("from_status", found(detail.data).events[0]?.from_status, null);

const entry = await api.patientMedicalHistoryCreate({
  body: { kind: "allergy", description: "Pollen", status: "resolved", notes: "In spring." },
});
const { id } = found(entry.data, entry.error);
const changed = await api.patientMedicalHistoryPartialUpdate({
  path: { id },
  body: { description: "Birch pollen" },
});
same("notes", changed.data?.notes, "In spring.");
same("status", changed.data?.status, "resolved");
await api.patientMedicalHistoryDestroy({ path: { id } });

await signIn(ADMIN);
const session = await api.doctorSchedulesCreate({
  body: {
    doctor: visit.doctor.id,
    location: visit.location.id,
    date: dayAhead(202),
    start_time: "05:00",
    end_time: "06:00",
    capacity: 3,
    is_active: false,
  },
});
const made = found(session.data, session.error);
const patched = await api.doctorSchedulesPartialUpdate({
  path: { id: made.id },
  body: { end_time: "06:30" },
});
same("capacity", patched.data?.capacity, 3);
same("is_active", patched.data?.is_active, false);
await api.doctorSchedulesDestroy({ path: { id: made.id } });
console.log(`hey-api: booked and canceled visit ${visit.id}`);
